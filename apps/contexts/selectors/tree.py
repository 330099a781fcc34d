"""Reads of the tree itself: which contexts there are, and what lies above and below them."""

import uuid
from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import Q

from apps.contexts.exceptions import ContextNotFound
from apps.contexts.models import Context
from apps.contexts.paths import ancestors, in_subtree


def context_by_id(workspace_id: uuid.UUID, context_id: uuid.UUID) -> Context:
    """Raises ContextNotFound, also for a context of another workspace."""
    return _one(Q(workspace_id=workspace_id, id=context_id))


def context_by_path(workspace_id: uuid.UUID, path: str) -> Context:
    """Raises ContextNotFound."""
    return _one(Q(workspace_id=workspace_id, path=path))


def reachable(workspace_id: uuid.UUID, context_ids: Iterable[uuid.UUID]) -> Q:
    """Condition on contexts: those given, those above them (which they inherit from) and those below them."""
    paths = Context.objects.filter(workspace_id=workspace_id, id__in=set(context_ids)).values_list("path", flat=True)
    scopes = [in_subtree(path) | Q(path__in=ancestors(path)) for path in paths]
    return Q(workspace_id=workspace_id) & reduce(or_, scopes, Q(pk__in=[]))


def _one(condition: Q) -> Context:
    context = Context.objects.filter(condition).first()
    if context is None:
        raise ContextNotFound
    return context
