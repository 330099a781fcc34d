"""Reads of single versions and heads."""

from apps.contexts.exceptions import VersionNotFound
from apps.contexts.models import Branch, Context, Version
from apps.contexts.models.tree import MAIN


def version_of(context: Context, number: int) -> Version:
    """The commit of this number, of whichever branch. Raises VersionNotFound."""
    version = Version.objects.filter(context=context, number=number).first()
    if version is None:
        raise VersionNotFound(f"The context has no version {number}.", version=number)
    return version


def head_number(context: Context, branch: str = MAIN) -> int:
    """The number of the branch's newest version, 0 when nothing is committed."""
    return Branch.objects.values_list("head", flat=True).get(context=context, name=branch)
