"""The admin's look."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CEF",
    "SITE_HEADER": "Context Engineering",
    "SITE_SYMBOL": "account_tree",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "apps.runs.admin.overview.overview",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "config.sidebar.navigation"},
}
