"""What a model was told in a step: the manifest with the very text that it names."""

import hashlib
from functools import partial
from typing import Any

from apps.agents.selectors import version_bundle
from apps.contexts.assembly import Manifest, read_manifest, rebuild
from apps.contexts.assembly.candidates import Layer
from apps.core import blobs
from apps.runs import payloads
from apps.runs.exceptions import StepNotFound
from apps.runs.models import Run, Step
from apps.runs.text import prompt_text


def step_context(run: Run, n: int) -> dict[str, Any]:
    """The assembled context of a model step, JSON-ready: its two regions, each item with its text, and what is out.

    Raises StepNotFound (`manifest_not_found`) for a step without one, NotFound (`blob_not_found`) when a text it names
    has been erased.
    """
    manifest = _manifest(run, n)
    spoken = (
        version_bundle(run.agent_version_id).instructions,
        prompt_text(payloads.load(run.workspace_id, run.input)),
    )
    prompt = rebuild(run.workspace_id, manifest, spoken)
    regions = {True: prompt.stable.encode(), False: prompt.tail.encode()}
    return {
        "tokenizer": manifest.tokenizer,
        "budget": manifest.budget,
        "tokens": manifest.tokens,
        "prompt": {"stable": prompt.stable, "tail": prompt.tail},
        "items": [
            item.to_json() | {"text": _slice(regions[Layer(item.layer).is_stable], item.span)}
            for item in manifest.items
        ],
        "omitted": [item.to_json() for item in manifest.omitted],
    }


def _manifest(run: Run, n: int) -> Manifest:
    """The step's manifest on top of the run's earlier ones, which it may name by their hashes."""
    rows = Step.objects.filter(run_id=run.id, n__lte=n, manifest__isnull=False).values_list("n", "manifest")
    packed = {number: row for number, row in rows if row is not None}
    if n not in packed:
        raise StepNotFound("There is no such step, or no context was assembled for it.", code="manifest_not_found")
    opened = payloads.unpack([*packed.values()], partial(blobs.load_many, run.workspace_id))
    by_digest = {hashlib.sha256(data).digest(): data for data in opened}
    return read_manifest(dict(zip(packed, opened, strict=True))[n], by_digest.__getitem__)


def _slice(region: bytes, span: tuple[int, int] | None) -> str:
    return region[slice(*span)].decode() if span else ""
