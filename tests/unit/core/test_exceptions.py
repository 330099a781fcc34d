"""An error speaks through its message, or else through its class."""

from apps.core.exceptions import CefError, Conflict, LimitExceeded, NotFound


def test_without_a_message_the_docstring_speaks() -> None:
    assert str(Conflict()) == "The present state forbids this."


def test_an_instance_may_be_more_specific_than_its_class() -> None:
    error = NotFound("No run.", code="run_not_found", run_id="7")
    assert (error.code, error.details, NotFound.code) == ("run_not_found", {"run_id": "7"}, "not_found")


def test_retry_after_is_seconds() -> None:
    error = LimitExceeded("Slow down.", retry_after=2.5, code="rate_limited")
    assert (error.retry_after, error.code) == (2.5, "rate_limited")
    assert isinstance(error, CefError)
