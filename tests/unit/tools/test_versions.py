"""Versions sort as semver.org says."""

import pytest

from apps.tools.versions import FORM, precedence


def test_precedence() -> None:
    text = """
        1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0
        1.10.0 2.0.0-0 2.0.0 10.0.0
    """
    ordered = text.split()
    assert sorted(set(ordered), key=precedence) == ordered
    assert precedence("1.0.0+build.5") == precedence("1.0.0")


@pytest.mark.parametrize(
    "text", ["1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-a..b", "1.0.0 ", "１.0.0", ""]
)
def test_other_texts_are_no_versions(text: str) -> None:
    assert FORM.fullmatch(text) is None
    with pytest.raises(ValueError, match="no semantic version"):
        precedence(text)
