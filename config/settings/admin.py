"""The admin's look."""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CEF",
    "SITE_HEADER": "Context Engineering",
    "SITE_SYMBOL": "account_tree",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("runs/favicon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "apps.runs.admin.overview.overview",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "config.sidebar.navigation"},
}
