"""Web pages become text, whatever is wrong with them."""

import time

import pytest

from workers.toolbox.readable import html_to_text


def test_a_page_becomes_its_title_and_its_lines() -> None:
    html = """<!doctype html><html><head><title>A &amp; B</title><style>p {color: red}</style></head>
    <body><h1>Head<i>ing</i></h1><script>if (a < b) alert("no")</script>
    <p>One &lt;two&gt;<br>three</p><ul><li>x<li>y</ul><noscript>no</noscript><table><tr><td>1<td>2</table>end"""
    assert html_to_text(html) == ("A & B", "Heading\nOne <two>\nthree\nx\ny\n1\n2\nend")


def test_text_before_and_after_broken_markup_is_kept_as_far_as_it_goes() -> None:
    assert html_to_text("before <b>bold") == ("", "before bold")
    assert html_to_text("before<p>after <![broken") == ("", "before\nafter")
    assert html_to_text("plain & simple") == ("", "plain & simple")
    assert html_to_text("<head>no body follows</head>text") == ("", "text")
    assert html_to_text("<head><title>t</title><body>unclosed head") == ("t", "unclosed head")


@pytest.mark.parametrize(
    "unit", ["<a ", "<", "<!", "<!--", '<a x="', "</", "<a/", "<a b='c' ", "<p>", "<svg>", "</svg>"]
)
def test_no_page_takes_long(unit: str) -> None:
    started = time.perf_counter()
    html_to_text(unit * (500_000 // len(unit)))
    assert time.perf_counter() - started < 5
