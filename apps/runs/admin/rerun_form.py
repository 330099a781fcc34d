"""The form that asks what a rerun does otherwise than its original."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from django import forms

from apps.runs.admin import words
from apps.runs.limits import Limits
from apps.runs.models import Run, Step
from apps.runs.services.rerun import SAME, Changes
from apps.runs.states import StepKind

STARTS_SHOWN: Final = 500
VERSIONS_SHOWN: Final = 100
LIMITS: Final = ("steps", "tokens", "usd", "seconds")


class RerunForm(forms.Form):
    """Where it begins, and what may be changed; what is left as it is stays as it was."""

    from_step = forms.TypedChoiceField(coerce=int, label="From")
    input = forms.CharField(required=False, strip=False, widget=forms.Textarea({"rows": 6, "spellcheck": "false"}))
    agent_version = forms.TypedChoiceField(coerce=int)
    steps = forms.IntegerField(required=False)
    tokens = forms.IntegerField(required=False)
    usd = forms.FloatField(required=False, label="USD", widget=forms.NumberInput({"step": "any"}))
    seconds = forms.FloatField(required=False, widget=forms.NumberInput({"step": "any"}))

    def __init__(self, original: Run, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.original = original
        self._shown = words.shown(original.input)
        self.fields["from_step"].choices = list(_starts(original))  # type: ignore[attr-defined]
        self.fields["agent_version"].choices = list(_versions(original))  # type: ignore[attr-defined]
        self.initial.setdefault("agent_version", original.agent_version.number)
        self.initial.setdefault("input", self._text)
        for name in LIMITS:
            self.fields[name].widget.attrs["placeholder"] = original.limits.get(name, "no limit")

    @property
    def takes_text(self) -> bool:
        """Whether the input is text of a person; else it is JSON."""
        return self._shown is not None and self._shown.is_prose

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        """The ceilings, which the page shows beside each other."""
        return [self[name] for name in LIMITS]

    def changes(self) -> Changes:
        """What the valid form says."""
        wanted: int = self.cleaned_data["agent_version"]
        return Changes(
            input=self.cleaned_data["input"],
            agent_version=None if wanted == self.original.agent_version.number else wanted,
            limits=self._limits(),
        )

    def clean_input(self) -> Any:
        """Another input, or the original's when nothing was typed."""
        text: str = self.cleaned_data["input"].replace("\r\n", "\n")
        if not text.strip() or text == self._text.replace("\r\n", "\n"):
            return SAME
        if self.takes_text:
            return text
        try:
            return json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error

    def clean(self) -> dict[str, Any]:
        """Refuses another input beside the field, where it can be put back."""
        said: dict[str, Any] = self.cleaned_data
        if said.get("input", SAME) is not SAME and said.get("from_step", 1) != 1:
            self.add_error("input", "The reused steps answer the original's input; change it from step 1.")
        return said

    @property
    def _text(self) -> str:
        """The original's input as the page can show it whole."""
        return "" if self._shown is None or self._shown.is_cut else self._shown.text

    def _limits(self) -> Limits | None:
        given = {name: self.cleaned_data[name] for name in LIMITS if self.cleaned_data[name] is not None}
        return replace(Limits.of(self.original.limits), **given) if given else None


def _starts(original: Run) -> Iterator[tuple[int, str]]:
    """The beginning and the newest model calls; the numbers are what the service takes."""
    yield 1, "the beginning: nothing is reused"
    calls = Step.objects.filter(run_id=original.id, kind=StepKind.MODEL, n__gt=1).order_by("-n")
    for n, name in reversed(calls.values_list("n", "name")[:STARTS_SHOWN]):
        yield n, f"step {n}, model {name}: what was recorded before it is reused"


def _versions(original: Run) -> Iterator[tuple[int, str]]:
    same = original.agent_version.number
    newest = original.agent.versions.order_by("-number").values_list("number", flat=True)[:VERSIONS_SHOWN]
    for number in sorted({same, *newest}, reverse=True):
        yield number, f"{original.agent.slug}@{number}{', as before' if number == same else ''}"
