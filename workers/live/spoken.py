"""What a model has said since its call began, for readers who come in the middle of it."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from apps.runs.live import Delta, EventNotice

LONGEST: Final = 262_144
"""Characters that are kept of one run; of a longer answer a late reader gets the end."""


class Spoken:
    """The pieces that were told of one run, each with the number of the last event before it; 0 when none is known.

    A call begins with an event: the run's start, or the step before. Readers know its number from PostgreSQL, so what
    was said before it is never taken for the present answer, however late its news comes. Pieces are kept from when
    somebody follows the run, and `remember` brings those before; `known` says that nothing is missing in between.
    """

    __slots__ = ("_lost", "_pieces", "_size", "event", "known")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as when nobody has followed the run."""
        self.event = 0
        """The last event that was told."""
        self.known = False
        self._pieces: deque[tuple[int, str]] = deque()
        self._size = 0
        self._lost = -1

    def hear(self, text: str) -> None:
        """Keep a piece that was told now."""
        self._keep(self.event, text)

    def pass_event(self, seq: int) -> None:
        """What comes from here on was said after event `seq`."""
        self.event = max(self.event, seq)

    def remember(self, past: Iterable[EventNotice | Delta]) -> None:
        """Put what was told before anybody followed the run in front of what was heard since."""
        heard, event = list(self._pieces), self.event
        self.forget()
        for news in past:
            if isinstance(news, EventNotice):
                self.pass_event(news.seq)
            else:
                self.hear(news.text)
        for after, text in heard:
            self._keep(max(after, self.event), text)
        self.pass_event(event)
        self.known = True

    def forget_before(self, seq: int) -> None:
        """Drop what was said before event `seq`, which began a call: it is recorded, or will be said anew."""
        while self._pieces and self._pieces[0][0] < seq:
            self._size -= len(self._pieces.popleft()[1])

    def since(self, began: int) -> Iterator[tuple[int, str]]:
        """What was said since the event that began the call: the number of the last event before it, and the text."""
        fresh = (piece for piece in self._pieces if piece[0] >= began or piece[0] == 0)
        for after, pieces in groupby(fresh, itemgetter(0)):
            yield after, "".join(text for _, text in pieces)

    def is_whole(self, began: int) -> bool:
        """Whether `since` has all that was said: its beginning was not too long ago, or too much was said since."""
        return self._lost < began and not (self._pieces and self._pieces[0][0] == 0)

    def _keep(self, after: int, text: str) -> None:
        self._pieces.append((after, text))
        self._size += len(text)
        while self._size > LONGEST:
            lost, dropped = self._pieces.popleft()
            self._size -= len(dropped)
            self._lost = max(self._lost, lost)
