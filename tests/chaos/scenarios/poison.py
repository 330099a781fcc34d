"""Runs that kill their workers, and messages that make no sense, among runs that are innocent."""

from typing import Final

from tests.chaos.cases import Case
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage

_DEADLY: Final = ("leave", "crash")
_HARMLESS: Final = ("flood", "babble")
_NEIGHBOURS: Final = 40
_MOST_DEATHS: Final = 3
_RUBBISH: Final = (b"no json at all", b'{"body": 1}', b'{"body": "e30=", "headers": {}, "properties": {}}')

_ENDS: Final = """
SELECT metadata ->> 'case', status, stop_reason, error_code, attempt, error_detail FROM runs_run
WHERE metadata ->> 'case' LIKE 'poison-%%' ORDER BY 1"""
_NEIGHBOURS_HURT: Final = """
SELECT metadata ->> 'case', status, stop_reason FROM runs_run
WHERE metadata ->> 'case' LIKE 'neighbour-%%' AND status <> 'succeeded'"""


def _play(stage: Stage) -> None:
    for n in range(_NEIGHBOURS):
        stage.submit(Case(id=f"neighbour-{n}", turns=(("look_up",), ("reserve",), ("charge",), ("look_up",))))
    for tool in (*_DEADLY, *_HARMLESS):
        stage.submit(Case(id=f"poison-{tool}", turns=((tool,),), agent="poison"))
    for rubbish in _RUBBISH:
        stage.arm.board.client().lpush("cef:runs", rubbish)
    stage.arm.board.send("workers.runs.no_such_task", "1")
    stage.begin_load()
    stage.nemesis.wait_for(lambda: not stage.load.open, stage.options.duration_s, every_s=0.5)


def _judge(stage: Stage) -> None:
    ends = {str(row[0]): row[1:] for row in stage.arm.query(_ENDS)}
    stage.measured["ends"] = {case: [str(value) for value in end[:4]] for case, end in ends.items()}
    for tool in _DEADLY:
        status, reason, _, attempts, detail = ends[f"poison-{tool}"]
        stage.require(
            (status, reason) == ("failed", "poison") and int(str(attempts)) <= _MOST_DEATHS,
            "poison that was not stopped after three workers",
            tool=tool,
            end=[status, reason, attempts, detail],
        )
    for tool in _HARMLESS:
        stage.require(ends[f"poison-{tool}"][0] == "succeeded", "an odd result that ended its run", end=ends)
    hurt = stage.arm.query(_NEIGHBOURS_HURT)
    stage.require(not hurt, "a neighbour that was counted guilty", runs=hurt)


POISON_SCENARIO: Final = Scenario(
    number=13,
    name="poison",
    play=_play,
    after=_judge,
    forgiven=("failed:", "a recorded tool result", "a model that was shown"),
)
