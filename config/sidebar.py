"""The admin's sidebar, grouped as people work; everybody sees what they may open."""

from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True)
class Room:
    """A model's list: title, icon (Material Symbols), `app.Model`, and a query that narrows the list."""

    title: str
    icon: str
    model: str
    query: str = ""

    def item(self, request: HttpRequest) -> dict[str, Any] | None:
        """The link, for who may see the model."""
        model = apps.get_model(self.model)
        if not admin.site.is_registered(model) or not admin.site._registry[model].has_view_permission(request):
            return None
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        return {"title": self.title, "icon": self.icon, "link": reverse(name) + self.query}


GROUPS: Final = {
    "Operate": (
        Room("Runs", "play_circle", "runs.Run"),
        Room("Inbox", "inbox", "runs.Wait", "?state__exact=open"),
        Room("Batches", "stacks", "runs.Batch"),
        Room("Threads", "forum", "runs.Thread"),
        Room("Documents", "description", "contexts.Document"),
        Room("Ingest jobs", "upload_file", "contexts.IngestJob"),
        Room("Workers", "memory", "runs.WorkerProcess"),
        Room("Effects", "bolt", "runs.Effect"),
        Room("Effects to decide", "help", "runs.Effect", "?undecided=yes"),
        Room("Budgets", "savings", "runs.Budget"),
        Room("Schedules", "calendar_clock", "runs.Schedule"),
        Room("Caps", "speed", "runs.Cap"),
        Room("Retention", "auto_delete", "runs.Retention"),
    ),
    "Build": (
        Room("Agents", "smart_toy", "agents.Agent"),
        Room("Tools", "build", "tools.Tool"),
        Room("Contexts", "account_tree", "contexts.Context"),
        Room("Providers", "cloud", "providers.Provider"),
        Room("Language models", "neurology", "providers.LanguageModel"),
    ),
    "Access": (
        Room("Workspaces", "workspaces", "accounts.Workspace"),
        Room("Users", "person", "accounts.User"),
        Room("Members", "group", "accounts.Membership"),
        Room("Service accounts", "robot_2", "accounts.ServiceAccount"),
        Room("API keys", "key", "accounts.ApiKey"),
        Room("Platform", "toggle_on", "accounts.PlatformState"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What the theme draws; groups without a link are left out."""
    groups = [{"title": title, "items": _items(rooms, request)} for title, rooms in GROUPS.items()]
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    start = {"title": None, "items": [overview]}
    return [start, *(group | {"separator": True} for group in groups if group["items"]), _elsewhere()]


def _items(rooms: tuple[Room, ...], request: HttpRequest) -> list[dict[str, Any]]:
    return [item for room in rooms if (item := room.item(request)) is not None]


def _elsewhere() -> dict[str, Any]:
    items = [{"title": "API reference", "icon": "api", "link": reverse("api-docs")}]
    if settings.CEF_FLOWER_URL:
        items.append({"title": "Flower", "icon": "local_florist", "link": settings.CEF_FLOWER_URL})
    return {"title": "Elsewhere", "separator": True, "items": items}
