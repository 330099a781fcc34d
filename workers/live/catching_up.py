"""Giving a reader who comes in the middle of a model call what was said before."""

from uuid import UUID

from workers.live.channel import Channel
from workers.live.frames import GAP, delta_frame
from workers.live.spoken import Spoken
from workers.live.store import Head
from workers.live.topics import Topic
from workers.live.wakeups import RedisTail


async def catch_up(tail: RedisTail, topic: Topic, channel: Channel, run_id: UUID, head: Head) -> None:
    """Queue the text so far, between the events that it stands between, and then what comes.

    For a channel that nobody has taken anything from. Of a run that nobody followed it is read from the live streams,
    once, however many readers come; where those no longer have its beginning, a `gap` goes before it.
    """
    spoken = topic.spoken
    if head.began is None:
        if not spoken.known:
            spoken.pass_event(head.seq)
            spoken.known = True
        return
    async with topic.recalling:
        if not spoken.known:
            spoken.remember(await tail.past(run_id, topic.born, since=head.began))
    _queue(channel, spoken, head.seq, head.began)


def _queue(channel: Channel, spoken: Spoken, seq: int, began: int) -> None:
    """Anew, without a pause: all that was told since is here, in its order."""
    channel.restart(seq)
    if not spoken.is_whole(began):
        channel.tell(GAP)
    for number, (after, text) in enumerate(spoken.since(began)):
        if after > seq:
            channel.notice(seq := after)
        channel.tell(delta_frame(text, so_far=number == 0))
    if spoken.event > seq:
        channel.notice(spoken.event)
