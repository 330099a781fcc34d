"""Growing and pruning the tree. Its shape changes under one lock per workspace, so that two moves make no circle."""

import uuid

from django.db import connection, transaction
from django.db.models import F, ProtectedError, Value
from django.db.models.functions import Concat, Length, Substr

from apps.contexts.exceptions import ContextCycle, ContextExists, ContextInUse, InvalidPath
from apps.contexts.models import Branch, Context
from apps.contexts.paths import MAX_LENGTH, ancestors, check_path, in_subtree, is_below
from apps.contexts.selectors import context_by_id


@transaction.atomic
def create_context(workspace_id: uuid.UUID, *, path: str, description: str = "") -> Context:
    """A new context; the contexts above it are made where they are missing. Raises InvalidPath, ContextExists."""
    _lock_tree(workspace_id)
    if Context.objects.filter(workspace_id=workspace_id, path=check_path(path)).exists():
        raise ContextExists(path=path)
    return _grow(workspace_id, path, description)


@transaction.atomic
def ensure_context(workspace_id: uuid.UUID, *, path: str) -> Context:
    """The context at this path, made if it is not there. Raises InvalidPath."""
    _lock_tree(workspace_id)
    found = Context.objects.filter(workspace_id=workspace_id, path=check_path(path)).first()
    return found or _grow(workspace_id, path, "")


def describe_context(context: Context, *, description: str) -> Context:
    """Say what the context holds."""
    context.description = description
    context.save(update_fields=["description"])
    return context


@transaction.atomic
def move_context(context: Context, *, path: str) -> Context:
    """Give the context and everything below it a new path; what it inherits at its head changes with it.

    Old versions keep the ancestors they were committed under. Raises InvalidPath, ContextExists, ContextCycle.
    """
    workspace_id = context.workspace_id
    _lock_tree(workspace_id)
    context = context_by_id(workspace_id, context.id)
    if path == context.path:
        return context
    _check_target(context, path)
    parent = _parent(workspace_id, path)
    _rename_subtree(context, path)
    Context.objects.filter(pk=context.pk).update(parent=parent, name=path.rpartition("/")[2])
    context.refresh_from_db()
    return context


@transaction.atomic
def delete_context(context: Context) -> None:
    """Delete it with its history and its documents. Raises ContextInUse while a child or an agent refers to it."""
    try:
        context.delete()
    except ProtectedError as error:
        kinds = sorted({str(item._meta.verbose_name) for item in error.protected_objects})
        raise ContextInUse(f"Still referred to by: {', '.join(kinds)}.", referrers=kinds) from None


def _lock_tree(workspace_id: uuid.UUID) -> None:
    """Until the transaction ends, nobody else changes the shape of this workspace's tree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"contexts.tree:{workspace_id}"])


def _grow(workspace_id: uuid.UUID, path: str, description: str) -> Context:
    context = Context(
        workspace_id=workspace_id,
        parent=_parent(workspace_id, path),
        name=path.rpartition("/")[2],
        path=path,
        description=description,
    )
    context.save(force_insert=True)
    Branch.objects.create(workspace_id=workspace_id, context=context)
    return context


def _parent(workspace_id: uuid.UUID, path: str) -> Context | None:
    """The context right above the path, made together with those above it where they are missing."""
    above = ancestors(path)
    if not above:
        return None
    found = Context.objects.filter(workspace_id=workspace_id, path=above[0]).first()
    return found or _grow(workspace_id, above[0], "")


def _check_target(context: Context, path: str) -> None:
    check_path(path)
    if is_below(path, context.path):
        raise ContextCycle(path=path)
    if Context.objects.filter(workspace_id=context.workspace_id, path=path).exists():
        raise ContextExists(path=path)


def _rename_subtree(context: Context, path: str) -> None:
    rows = Context.objects.filter(in_subtree(context.path), workspace_id=context.workspace_id)
    growth = len(path) - len(context.path)
    if rows.annotate(length=Length("path")).filter(length__gt=MAX_LENGTH - growth).exists():
        raise InvalidPath("The paths below it would become too long.", path=path)
    rows.update(path=Concat(Value(path), Substr(F("path"), len(context.path) + 1)))
