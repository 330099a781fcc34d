"""Paths of the tree."""

import pytest

from apps.contexts.exceptions import InvalidPath
from apps.contexts.paths import ancestors, check_path, is_below


@pytest.mark.parametrize("path", ["a", "support/acme/case-42", "a/b.c/d_e/9", "/".join("a" * 16)])
def test_it_works(path):
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "/", "a/", "/a", "a//b", "A", "a b", "-a", "é", "a\n", "x" * 65, "/".join("a" * 17), "a/../b"]
)
def test_other_shapes_are_refused(path):
    with pytest.raises(InvalidPath):
        check_path(path)


def test_ancestors_are_nearest_first():
    assert ancestors("a/b/c") == ["a/b", "a"]
    assert ancestors("a") == []


def test_a_path_is_below_itself_and_not_below_its_namesakes():
    assert is_below("a/b", "a/b")
    assert is_below("a/b/c", "a/b")
    assert not is_below("a/bc", "a/b")
