"""Asks a tool's own check about a call that left no result."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any

from apps.tools.definitions import ToolCall, ToolDefinition
from apps.tools.exceptions import ToolFailed
from apps.tools.findings import DidNotHappen, Finding, Happened, Unknown
from apps.tools.services.calling import check_arguments, checked, execute

logger = logging.getLogger(__name__)


async def check_call(definition: ToolDefinition, call: ToolCall, arguments: Mapping[str, Any]) -> Finding:
    """What the tool's check says, within the tool's time limit; a found result is as the journal will hold it.

    Never raises: without a check, or with one that fails, takes too long or says anything odd, nobody knows.
    """
    if definition.check is None:
        return Unknown()
    try:
        async with asyncio.timeout(definition.timeout_s):
            prepared = check_arguments(definition, arguments)
            finding = await execute(definition, definition.check, call, prepared, began=threading.Event())
            return await _read(definition, finding)
    # A check is foreign code, like its tool: whatever it raises, the run must go on.
    except (Exception, SystemExit):
        logger.exception("The check of %s failed.", definition.label)
        return Unknown()


async def _read(definition: ToolDefinition, finding: object) -> Finding:
    if isinstance(finding, Happened):
        return Happened(await checked(definition, finding.result))
    if isinstance(finding, DidNotHappen | Unknown):
        return finding
    raise ToolFailed(f"The check of {definition.label} returned {finding!r}, which is no finding.")
