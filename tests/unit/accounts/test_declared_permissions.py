"""Every action of the API says who may call it."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.api.permissions import Access, HasDeclaredPermission, declared
from apps.accounts.api.views import WorkspaceViewSet
from apps.accounts.permissions import Permission

# Each line is a door that opens without a permission, and must be meant to.
WITHOUT_PERMISSION = {
    ("MeViewSet", "show"): Access.SIGNED_IN,
    ("WorkspacesViewSet", "list"): Access.SIGNED_IN,
    ("WorkspacesViewSet", "current"): Access.MEMBER,
    ("WorkspacesViewSet", "leave"): Access.MEMBER,
    ("EventViewSet", "resolve"): Access.ANYONE,
}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


def actions() -> Iterator[tuple[str, Any, str]]:
    for route, pattern in patterns(get_resolver()):
        if route.startswith("api/v1/"):
            view = getattr(pattern.callback, "cls", object)
            assert issubclass(view, WorkspaceViewSet), f"{route} stands on another base"
            for action in getattr(pattern.callback, "actions", {}).values():
                yield route, view, action


def test_there_are_actions_to_check() -> None:
    assert {view.__name__ for _, view, _ in actions()} >= {"MeViewSet", "ApiKeyViewSet", "RunViewSet"}


def test_every_action_declares_who_may_call_it() -> None:
    undeclared = [(route, action) for route, view, action in actions() if declared(view, action) is None]
    assert undeclared == []


def test_only_these_actions_need_no_permission() -> None:
    open_doors = {
        (view.__name__, action): declared(view, action)
        for _, view, action in actions()
        if not isinstance(declared(view, action), Permission)
    }
    assert open_doors == WITHOUT_PERMISSION


def test_no_view_replaces_the_check() -> None:
    assert [view for _, view, _ in actions() if view.permission_classes != [HasDeclaredPermission]] == []


READS_BY_POST = {("ContextViewSet", "assemble"), ("ScheduleViewSet", "preview")}


def test_writing_never_needs_only_a_permission_to_read() -> None:
    for route, pattern in patterns(get_resolver()):
        for method, action in getattr(pattern.callback, "actions", {}).items():
            view = getattr(pattern.callback, "cls", object)
            reads = method in {"get", "head"} or (view.__name__, action) in READS_BY_POST
            if route.startswith("api/v1/") and not reads:
                assert not str(declared(view, action)).endswith(":read"), (route, action)
