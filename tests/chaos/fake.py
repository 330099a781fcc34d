"""A model and a tool server in one process, which write down every call they receive: `python -m tests.chaos.fake`.

Both are deterministic: what the model says follows from the prompt, how long anything takes from the seed and the
place in the case. Some first calls are answered by 429, 500 or a broken connection, as a provider's would be.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import uvicorn

from tests.chaos.cases import read_case
from tests.chaos.ledger import Ledger

_TROUBLE: Final = ((0.02, 429), (0.02, 500), (0.01, 0))
"""Share of first calls, and the status; 0 is a connection that breaks."""

Answer = tuple[int, str, list[bytes]]


class Turn:
    """Where a conversation stands: the case, how many turns it has had, and which receipts the model has seen."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start = max(n for n, message in enumerate(messages) if message["role"] == "user")
        asked = read_case(_text(messages[start]["content"])) or {"case": "", "turns": []}
        self.kilobytes: int = asked.get("kilobytes", 0)
        since = messages[start + 1 :]
        self.case: str = asked["case"]
        self.number = sum(message["role"] == "assistant" for message in since)
        self.tools: list[str] = asked["turns"][self.number] if self.number < len(asked["turns"]) else []
        self.saw = [_text(message["content"]) for message in since if message["role"] == "tool"]


class Fake:
    """The ASGI application."""

    def __init__(self, ledger: Ledger, seed: str) -> None:
        self._ledger, self._seed = ledger, seed
        self._asked: Counter[tuple[str, int]] = Counter()
        self._receipts: dict[str, str] = {}
        self._effects: dict[tuple[str, int, int], str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, kind, parts = await self._answer(scope, headers, await _body(receive))
        if status:
            fields = [(b"content-type", kind.encode()), (b"retry-after", b"0.2")]
            await send({"type": "http.response.start", "status": status, "headers": fields})
            for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Any, headers: dict[str, str], body: bytes) -> Answer:
        path: str = scope["path"]
        if path.endswith("/chat/completions"):
            return await self._model(json.loads(body), headers)
        if path.startswith("/tools/"):
            return await self._tool(path.removeprefix("/tools/"), json.loads(body), headers)
        if path == "/effect":
            return self._effect(parse_qs(scope["query_string"].decode()))
        return 200, "text/plain", [b"ok"]

    async def _model(self, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        turn, call = Turn(body["messages"]), uuid4().hex
        place = (turn.case, turn.number)
        self._asked[place] += 1
        dice = Random(f"{self._seed}/{place}/{self._asked[place]}")
        status = _status(dice) if self._asked[place] == 1 else 200
        line = {"case": turn.case, "turn": turn.number, "call": call, "status": status, "saw": turn.saw}
        self._ledger.write(kind="model", **line, pid=headers.get("x-worker-pid"))
        await asyncio.sleep(_seconds(dice))
        if status != 200:
            return status, "application/json", [b'{"error": {"message": "as told"}}']
        usage = {"prompt_tokens": 100 + turn.number, "completion_tokens": 10 + len(turn.tools)}
        self._ledger.write(kind="answered", call=call, case=turn.case, turn=turn.number, **usage)
        render = _streamed if body.get("stream") else _whole
        return render(turn, call, usage | {"total_tokens": sum(usage.values())})

    async def _tool(self, tool: str, place: dict[str, Any], headers: dict[str, str]) -> Answer:
        """The effect is there with the line in the ledger, before the answer is on its way."""
        key = headers.get("idempotency-key", "")
        fresh = not key or key not in self._receipts
        receipt = uuid4().hex if fresh else self._receipts[key]
        if key:
            self._receipts[key] = receipt
        self._effects[(place["case"], place["turn"], place["call"])] = receipt
        names = {"run": headers.get("x-run"), "step": headers.get("x-step"), "pid": headers.get("x-worker-pid")}
        self._ledger.write(kind="tool", tool=tool, **place, **names, key=key, receipt=receipt, fresh=fresh)
        await asyncio.sleep(Random(f"{self._seed}/{tool}/{receipt}").uniform(0.02, 0.4))
        return 200, "application/json", [json.dumps({"receipt": receipt}).encode()]

    def _effect(self, query: dict[str, list[str]]) -> Answer:
        """Whether a call had its effect: what a person would look up before deciding on it."""
        place = (query["case"][0], int(query["turn"][0]), int(query["call"][0]))
        receipt = self._effects.get(place)
        return 200 if receipt else 404, "application/json", [json.dumps({"receipt": receipt}).encode()]


def _status(dice: Random) -> int:
    fate = dice.random()
    for share, status in _TROUBLE:
        if fate < share:
            return status
        fate -= share
    return 200


def _seconds(dice: Random) -> float:
    """Mostly below a second, now and then some."""
    return dice.uniform(1.5, 4) if dice.random() < 0.08 else dice.uniform(0.1, 0.9)


def _calls(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "index": n,
            "id": f"call_{uuid4().hex}",
            "type": "function",
            "function": {
                "name": tool,
                "arguments": json.dumps({"case": turn.case, "turn": turn.number, "call": n}),
            },
        }
        for n, tool in enumerate(turn.tools)
    ]


def _pieces(turn: Turn, call: str) -> list[dict[str, Any]]:
    """What the model says: its calls, or its answer in pieces of a kilobyte."""
    if turn.tools:
        return [{"content": None, "tool_calls": _calls(turn)}]
    return [{"content": f"{turn.case} is done, says {call}."}, *[{"content": "." * 1024}] * turn.kilobytes]


def _whole(turn: Turn, call: str, usage: dict[str, int]) -> Answer:
    pieces = _pieces(turn, call)
    message = {"role": "assistant", **pieces[0]}
    if not turn.tools:
        message["content"] = "".join(piece["content"] for piece in pieces)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.tools else "stop"}
    body = {"id": call, "object": "chat.completion", "created": 1, "model": "fake", "choices": [choice], "usage": usage}
    return 200, "application/json", [json.dumps(body).encode()]


def _streamed(turn: Turn, call: str, usage: dict[str, int]) -> Answer:
    head = {"id": call, "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    end = "tool_calls" if turn.tools else "stop"
    spoken = [({"role": "assistant", **piece}, None) for piece in _pieces(turn, call)]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in [*spoken, ({}, end)]
    ]
    chunks.append({**head, "choices": [], "usage": usage})
    parts = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return 200, "text/event-stream", [*parts, b"data: [DONE]\n\n"]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def main(port: str, ledger: str, seed: str) -> None:
    """Serve until killed."""
    application = Fake(Ledger(Path(ledger)), seed)
    uvicorn.run(application, port=int(port), log_level="error", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(*sys.argv[1:])
