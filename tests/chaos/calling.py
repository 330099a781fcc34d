"""How a tool reaches the tool server, alike in both arms."""

import os
from collections.abc import Mapping
from typing import Any

import httpx


async def call_server(tool: str, place: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """The receipt of the effect. `place` is the case, the turn and the call's number within the turn."""
    address = f"{os.environ['CHAOS_SERVER']}/tools/{tool}"
    own = {"X-Worker-Pid": str(os.getpid()), **headers}
    async with httpx.AsyncClient(verify=False, timeout=30, trust_env=False) as http:
        answer = await http.post(address, json=dict(place), headers=own)
        answer.raise_for_status()
        return str(answer.json()["receipt"])
