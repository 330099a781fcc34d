"""The workers' dashboard's name as an OAuth client, and the one scope that it asks for."""

from typing import Final

CLIENT_ID: Final = "cef-dashboard"
SCOPE: Final = "dashboard"
