"""Movable names for versions."""

import re
from typing import Final

from apps.contexts.models import Context, Label
from apps.contexts.selectors import version_of
from apps.core.exceptions import Conflict, InvalidInput, NotFound

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,63}\Z")


def set_label(
    context: Context, name: str, *, version: int, protected: bool | None = None, force: bool = False
) -> Label:
    """Point the label at a version, making it if need be. Raises VersionNotFound.

    A protected label moves only with `force`, which the caller grants to who may manage the workspace.
    """
    if not _NAME.match(name):
        raise InvalidInput("A label starts with a letter, then letters, digits, dots, dashes.", code="invalid_label")
    existing = Label.objects.filter(context=context, name=name).first()
    _guard(existing, force)
    values = {"version": version_of(context, version), "workspace_id": context.workspace_id}
    if protected is not None:
        values["protected"] = protected
    label, _ = Label.objects.update_or_create(context=context, name=name, defaults=values)
    return label


def delete_label(context: Context, name: str, *, force: bool = False) -> None:
    """Take the name away; the version stays. Raises NotFound (`label_not_found`)."""
    existing = Label.objects.filter(context=context, name=name).first()
    if existing is None:
        raise NotFound(f"The context has no label {name!r}.", code="label_not_found")
    _guard(existing, force)
    existing.delete()


def _guard(label: Label | None, force: bool) -> None:
    if label is not None and label.protected and not force:
        raise Conflict(f"The label {label.name!r} is protected.", code="label_protected")
