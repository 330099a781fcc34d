"""No function and no file is longer than a reader can hold."""

from tests.sizes import offenders


def test_nothing_is_too_long() -> None:
    assert offenders() == []
