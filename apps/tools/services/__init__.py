"""What is done with tools: calling one, and writing down which there are."""

from apps.tools.services.calling import call_tool
from apps.tools.services.syncing import SyncReport, sync_registry

__all__ = ["SyncReport", "call_tool", "sync_registry"]
