"""Failpoints: named places only, with a probability, and nothing happens at the others."""

import os
import signal
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.core.failpoints import Failpoint, parse

CROSS_TWO = """
from apps.core.failpoints import hit
hit("before_claim")
print("passed", flush=True)
hit("after_claim")
print("survived", flush=True)
"""


def crossed(**environment: str) -> subprocess.CompletedProcess[str]:
    """A process that comes past two places."""
    return subprocess.run(
        [sys.executable, "-c", CROSS_TWO],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_places_probabilities_and_signals_are_read() -> None:
    assert parse(["after_intent:0.05", "mid_model:1:stop", "mid_drain:0.5:kill"]) == {
        "after_intent": Failpoint("after_intent", 0.05, signal.SIGKILL),
        "mid_model": Failpoint("mid_model", 1.0, signal.SIGSTOP),
        "mid_drain": Failpoint("mid_drain", 0.5, signal.SIGKILL),
    }


@pytest.mark.parametrize(
    "odd",
    [
        "nowhere:0.5",
        "after_claim",
        "after_claim:",
        "after_claim:0",
        "after_claim:1.1",
        "after_claim:x",
        "mid_model:1:sleep",
    ],
)
def test_what_makes_no_sense_is_refused(odd: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CEF_FAILPOINT"):
        parse([odd])


def test_a_process_dies_at_its_place_and_at_no_other() -> None:
    died = crossed(CEF_FAILPOINT="after_claim:1")
    assert (died.returncode, died.stdout, died.stderr) == (
        -signal.SIGKILL,
        "passed\n",
        "failpoint after_claim: SIGKILL\n",
    )


def test_nothing_happens_without_the_variable() -> None:
    lived = crossed(CEF_FAILPOINT="")
    assert (lived.returncode, lived.stdout) == (0, "passed\nsurvived\n")


def test_a_process_with_an_unknown_place_does_not_start() -> None:
    refused = crossed(CEF_FAILPOINT="nowhere:1")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no place 'nowhere'" in refused.stderr
