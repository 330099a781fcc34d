"""A definition as people write it."""

from typing import Any

import pytest

from apps.agents.definition import AgentDefinition, read_definition
from apps.agents.exceptions import InvalidAgentDefinition


def test_a_model_is_enough() -> None:
    definition = read_definition({"model": "scripted:echo"})
    assert definition.model_dump(mode="json", exclude_none=True) == {
        "model": "scripted:echo",
        "instructions": "",
        "settings": {},
        "tools": [],
        "mounts": [],
        "limits": {"steps": 50},
        "streaming": False,
        "context_budget_tokens": 8000,
    }


def test_options_of_one_provider_begin_with_its_name() -> None:
    settings = {"temperature": 0, "openai_reasoning_effort": "low", "anthropic_thinking": {"type": "enabled"}}
    definition = read_definition({"model": "a:b", "settings": settings})
    assert definition.settings.model_dump(exclude_none=True) == settings


def test_a_definition_cannot_be_changed() -> None:
    definition = AgentDefinition(model="a:b")
    with pytest.raises(ValueError, match="frozen"):
        definition.model = "c:d"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "pointer", "code"),
    [
        (None, "", "model_type"),
        ({"model": 1}, "/model", "string_type"),
        ({"model": "a:b", "tools": [{"version": "1.0.0"}]}, "/tools/0/name", "missing"),
        ({"model": "a:b", "tools": ["calculator"]}, "/tools/0", "model_type"),
        ({"model": "a:b", "tools": [{"name": "x"}] * 129}, "/tools", "too_long"),
        ({"model": "a:b", "mounts": [{"context": "x", "version": 0}]}, "/mounts/0/version", "greater_than_equal"),
        ({"model": "a:b", "mounts": [{"context": "x", "share": float("nan")}]}, "/mounts/0/share", "finite_number"),
        ({"model": "a:b", "limits": {"seconds": 0}}, "/limits/seconds", "greater_than"),
        ({"model": "a:b", "limits": {"usd": float("inf")}}, "/limits/usd", "finite_number"),
        ({"model": "a:b", "limits": {"usd": 1e9}}, "/limits/usd", "less_than_equal"),
        ({"model": "a:b", "settings": {"max_tokens": 10**20}}, "/settings/max_tokens", "less_than_equal"),
        ({"model": "a:b", "limits": {"runs": 1}}, "/limits/runs", "extra_forbidden"),
        ({"model": "a:b", "settings": {"extra_body": {}}}, "/settings", "unknown_setting"),
        ({"model": "a:b", "settings": {"temperature": 3}}, "/settings/temperature", "less_than_equal"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(data: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidAgentDefinition) as caught:
        read_definition(data)
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [(pointer, code)]
