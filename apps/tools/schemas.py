"""JSON Schema 2020-12: checks schemas before they are kept, and values against them.

Schemas come from tenants and values from models, so nothing here may reach the network or run without bound: `$ref`
stays inside the document, patterns run in a linear-time engine, and followed references are counted.
"""

import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from apps.core.canonical import canonical_bytes
from apps.core.exceptions import Fault
from apps.tools.exceptions import InvalidSchema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 64
MAX_REFERENCES: Final = 20_000
MAX_FAULTS: Final = 5
MAX_DETAIL: Final = 300

# Below these, what looks like a schema is data; below those, keys are names and not keywords.
_DATA: Final = frozenset({"const", "enum", "default", "examples"})
_NAMES: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")

_references: ContextVar[list[int] | None] = ContextVar("references", default=None)


def check_schema(schema: Any, *, pointer: str = "") -> dict[str, Any]:
    """The schema, if it is one we accept. Raises InvalidSchema, whose faults point below `pointer`."""
    if not isinstance(schema, dict):
        raise _refusal(pointer, "type", "A schema must be a JSON object.")
    try:
        if (size := len(canonical_bytes(schema))) > MAX_BYTES:
            raise _refusal(pointer, "size", f"The schema has {size} bytes; {MAX_BYTES} are accepted.")
        _walk(schema, pointer, 0)
        _require_storable(schema, pointer)
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = pointer + "".join(f"/{part}" for part in error.absolute_path)
        raise _refusal(place, "schema", _shortened(error.message)) from None
    except (ValueError, RecursionError) as error:
        raise _refusal(pointer, "json", f"The schema is not a JSON value: {error}"[:MAX_DETAIL]) from None
    return schema


def compile_validator(schema: Mapping[str, Any]) -> Any:
    """A validator to keep: building one costs far more than using it."""
    return _Validator(schema, registry=Registry())


def faults(validator: Any, value: Any) -> tuple[Fault, ...]:
    """What is wrong with the value, the first five places at most; empty when it is valid."""
    token = _references.set([0])
    try:
        return tuple(_fault(error) for error in islice(validator.iter_errors(value), MAX_FAULTS))
    except RecursionError:
        return (Fault("", "depth", "The value or the schema is nested too deeply."),)
    except _TooManyReferences:
        return (Fault("", "complexity", f"Checking this follows more than {MAX_REFERENCES} references."),)
    except Unresolvable as error:
        return (Fault("", "$ref", f"The schema refers to {str(error)[:100]}, which is not in it."),)
    finally:
        _references.reset(token)


def sentence(found: tuple[Fault, ...]) -> str:
    """The faults as one line for a model or a log."""
    return "; ".join(f"at {fault.pointer or '/'}: {fault.detail} ({fault.code})" for fault in found)


class _TooManyReferences(Exception):
    """A schema that multiplies itself."""


def _fault(error: ValidationError) -> Fault:
    # An anyOf's own message repeats the whole value; the branch that came closest says more.
    closest = best_match([error]) or error
    pointer = "".join(f"/{_escape(part)}" for part in closest.absolute_path)
    return Fault(pointer, str(closest.validator), _shortened(closest.message))


def _shortened(message: str) -> str:
    """A message begins with the value and ends with the rule; both say something."""
    half = MAX_DETAIL // 2
    return message if len(message) <= MAX_DETAIL else f"{message[: half - 3]} … {message[-half:]}"


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _refusal(pointer: str, code: str, detail: str) -> InvalidSchema:
    return InvalidSchema(f"Not an accepted JSON Schema: {detail}", errors=[Fault(pointer, code, detail)])


def _walk(node: Any, pointer: str, depth: int, *, names: bool = False) -> None:
    if depth > MAX_DEPTH:
        raise _refusal(pointer, "depth", f"The schema is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(node, list):
        for index, item in enumerate(node):
            _walk(item, f"{pointer}/{index}", depth + 1)
    elif isinstance(node, dict):
        if not names:
            _check_keywords(node, pointer)
        for key, item in node.items():
            if names or key not in _DATA:
                _walk(item, f"{pointer}/{_escape(key)}", depth + 1, names=not names and key in _NAMES)


def _require_storable(value: Any, pointer: str) -> None:
    """PostgreSQL keeps schemas as jsonb, which has no NUL and no lone surrogates, wherever they stand."""
    if isinstance(value, dict):
        for inner in (*value, *value.values()):
            _require_storable(inner, pointer)
    elif isinstance(value, list):
        for inner in value:
            _require_storable(inner, pointer)
    elif isinstance(value, str) and _UNSTORABLE.search(value):
        raise _refusal(pointer, "text", "NUL and lone surrogates cannot be stored.")


def _check_keywords(node: dict[str, Any], pointer: str) -> None:
    """References, dialect and patterns of one schema; the metaschema finds keywords of the wrong type."""
    for keyword in ("$ref", "$dynamicRef"):
        if not str(node.get(keyword, "#")).startswith("#"):
            raise _refusal(f"{pointer}/{keyword}", "remote_ref", "A reference must stay inside the schema (`#…`).")
    if str(node.get("$schema", DIALECT)).rstrip("#") != DIALECT:
        raise _refusal(f"{pointer}/$schema", "dialect", f"Only {DIALECT} is accepted.")
    patterns = node.get("patternProperties")
    for pattern in (node.get("pattern"), *(patterns if isinstance(patterns, dict) else ())):
        if isinstance(pattern, str):
            _check_pattern(pattern, pointer)


def _check_pattern(pattern: str, pointer: str) -> None:
    try:
        _engine(pattern)
    except PatternError:
        detail = "This pattern is not accepted: look-around and back-references take unbounded time."
        raise _refusal(f"{pointer}/pattern", "pattern", detail) from None


@lru_cache(maxsize=2048)
def _engine(pattern: str) -> SchemaValidator:
    """Rust's regular expressions, by way of pydantic-core: no backtracking, so no pattern takes exponential time."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, text: str) -> bool:
    return _engine(pattern).isinstance_python(text)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _matches(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [key for key in instance if key not in named and not any(_matches(p, key) for p in patterns)]
    if isinstance(rule, dict):
        for key in extras:
            yield from validator.descend(instance[key], rule, path=key)
    elif rule is False and extras:
        yield ValidationError(f"unknown property {', '.join(repr(key) for key in sorted(extras)[:5])}")


def _counted(stock: Any) -> Any:
    """The stock keyword, counting: references are the only way for a small schema to ask for endless work."""

    def keyword(validator: Any, target: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        counter = _references.get()
        if counter is not None:
            counter[0] += 1
            if counter[0] > MAX_REFERENCES:
                raise _TooManyReferences
        yield from stock(validator, target, instance, schema)

    return keyword


_Validator: Final = extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "$ref": _counted(Draft202012Validator.VALIDATORS["$ref"]),
        "$dynamicRef": _counted(Draft202012Validator.VALIDATORS["$dynamicRef"]),
    },
)
