"""The form of a version: what a definition says, in fields."""

from typing import Any, Final

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from apps.agents.definition import AgentDefinition, MountUse, RunLimits, read_definition
from apps.agents.models import AgentVersion
from apps.core.exceptions import Fault

_LIMITS: Final = ("steps", "tokens", "usd", "seconds")


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """All of a version but its tools and mounts, which are rows below.

    `faults` are what the service found wrong with the form when it was sent the last time.
    """

    faults: tuple[Fault, ...] = ()

    steps = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget, help_text="Model and tool steps.")
    tokens = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget, help_text="In and out together.")
    usd = forms.FloatField(required=False, label="USD", widget=UnfoldAdminDecimalFieldWidget)
    seconds = forms.FloatField(required=False, widget=UnfoldAdminDecimalFieldWidget, help_text="Of the run's life.")

    class Meta:
        model = AgentVersion
        fields = ["model", "instructions", "settings", "output_schema", "streaming", "context_budget_tokens"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for fault in self.faults:
            name = fault.pointer.split("/")[1] if "/" in fault.pointer else None
            words = fault.detail if name in self.fields else f"{fault.pointer}: {fault.detail}"
            self.add_error(name if name in self.fields else None, words)
        return cleaned


def definition_in(form: Any, formsets: Any) -> AgentDefinition:
    """The definition that the form and its rows describe. Raises InvalidAgentDefinition."""
    data = form.cleaned_data
    rows = [row.cleaned_data for formset in formsets for row in formset.forms if _is_filled(row)]
    return read_definition(
        {
            "model": str(data["model"]),
            "instructions": data["instructions"],
            "settings": data["settings"] or {},
            "output_schema": data["output_schema"] or None,
            "tools": [_tool(row) for row in rows if "tool_version" in row],
            "mounts": [_mount(row) for row in rows if "context" in row],
            "limits": {name: data[name] for name in _LIMITS},
            "streaming": data["streaming"],
            "context_budget_tokens": data["context_budget_tokens"],
        }
    )


def initial_of(definition: AgentDefinition | None) -> dict[str, Any]:
    """What the form starts with: the newest version's limits and switches, or the defaults."""
    limits = definition.limits if definition else RunLimits()
    first: dict[str, Any] = {name: getattr(limits, name) for name in _LIMITS}
    if definition is not None:
        kept = definition.model_dump(mode="json", exclude_none=True)
        first |= {name: kept.get(name) for name in ("instructions", "settings", "streaming", "context_budget_tokens")}
        first["output_schema"] = definition.output_schema
    return first


def initial_rows(definition: AgentDefinition | None, versions: Any, contexts: Any) -> dict[str, list[dict[str, Any]]]:
    """What the rows of tools and mounts start with, by the name of their relation."""
    if definition is None:
        return {}
    by_label = {str(version): version.pk for version in versions}
    by_path = {context.path: context.pk for context in contexts}
    return {
        "tool_bindings": [
            {
                "tool_version": by_label.get(f"{use.name}@{use.version}"),
                "config": use.config,
                "approval": use.approval.model_dump(mode="json", exclude_defaults=True) if use.approval else None,
            }
            for use in definition.tools
        ],
        "mounts": [{**use.model_dump(), "context": by_path.get(use.context)} for use in definition.mounts],
    }


def _is_filled(row: Any) -> bool:
    return bool(row.cleaned_data) and not row.cleaned_data.get("DELETE")


def _tool(row: dict[str, Any]) -> dict[str, Any]:
    version = row["tool_version"]
    use = {"name": version.tool.name, "version": version.version, "config": row.get("config") or {}}
    return use | {"approval": row.get("approval") or None}


def _mount(row: dict[str, Any]) -> MountUse:
    return MountUse(
        context=str(row["context"].pk), version=row.get("version"), access=row["access"], share=row.get("share") or 0.0
    )
