"""The admin's look and its sidebar, grouped as people work."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CEF",
    "SITE_HEADER": "Context Engineering Framework",
    "SITE_SYMBOL": "account_tree",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
