"""Web pages as plain text."""

from html.parser import HTMLParser
from typing import Final

_SILENT: Final = frozenset({"script", "style", "template", "svg", "head", "noscript"})
_BLOCK_NAMES: Final = """
    address article aside blockquote br dd div dl dt fieldset figcaption footer form h1 h2 h3 h4 h5 h6 header hr li
    main nav ol p pre section table td th tr ul
"""
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split())


class _Text(HTMLParser):
    """Collects text outside of what a reader does not see; a new line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self._in_title = False
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title" and not self.title
        if tag in _SILENT:
            self._silent.append(tag)
        if tag == "body":
            self._silent.clear()
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self.parts.append(data)


def html_to_text(html: str) -> tuple[str, str]:
    """Title and visible text, one line per block. Linear in the page's length: about a second for 2 MB at worst.

    `close()` is never called: on unfinished tags it takes quadratic time in Python before 3.11.14 (80 kB took 35 s).
    Instead a closing tag at the end pushes out what text is left.
    """
    parser = _Text()
    try:
        parser.feed(html + "<p>")
    except AssertionError:  # how the parser gives up on a malformed `<![`: what came before it is still good
        parser.parts.append("\n")
    lines = (" ".join(line.split()) for line in "".join(parser.parts).splitlines())
    return " ".join(parser.title.split()), "\n".join(line for line in lines if line)
