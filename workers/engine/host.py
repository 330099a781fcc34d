"""What lives as long as a `runs` worker process: the loop, the lease, the poller, and the runs in its slots."""

import asyncio
import concurrent.futures
import itertools
import logging
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

import psycopg
import uvloop
from django.conf import settings
from redis.asyncio import Redis

from apps.core.failpoints import hit
from workers.engine.claim import ClaimedRun, Turns
from workers.engine.database import AWAY, EnginePool, new_pool
from workers.engine.lag import LagMeter
from workers.engine.lease import Lease, Listener
from workers.engine.publisher import Publisher
from workers.engine.purse import give_back
from workers.engine.slices import Slices
from workers.engine.stops import CancelSeen, Drained, LeaseLost, StopRun
from workers.engine.sweeper import Freed, free_abandoned, sweep
from workers.engine.threads import DatabaseThreads
from workers.engine.waits_store import DueWaits
from workers.engine.watchdog import Watchdog

logger = logging.getLogger(__name__)

DATABASE_THREADS: Final = 8
HOOK_THREADS: Final = 4
HOOK_PATIENCE: Final = 0.2
"""Seconds that a stopping process waits for a hook that is being called."""
PACED_ABOVE: Final = 64
"""Runs in flight above which starts are paced; below, a start costs the others nothing they would notice."""
RECONCILE_EVERY: Final = 10
"""Polls between two looks for runs that are held here and not executed."""
STOP_AGAIN_SECONDS: Final = 1.0
WATCH_SHARE: Final = 0.05
"""Of the lease: how often the loop looks whether it still holds."""
_REDIS_TIMEOUT_S: Final = 2.0


class Host:
    """Claims runs and executes them on one asyncio loop in a thread of its own.

    Doorbells call `advance` from Celery's threads; the poller finds what no doorbell told of. Both claim the next
    runnable run, whichever that is. In `quarantine` that is the oldest suspect. The next one follows at once when a run
    ends whose place somebody may be waiting for.
    """

    def __init__(self, slots: int, *, quarantine: bool = False) -> None:
        self._slots, self._quarantine = slots, quarantine
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cef-loop", daemon=True)
        self._watchdog = Watchdog(self._loop)
        self._lease = Lease(slots, Listener(self._lost, self._cancelled, self._load))
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._draining = self._gave_up = False
        self._failed: set[UUID] = set()
        self._background: list[asyncio.Task[None]] = []
        self._turned_away = False
        self._successors: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Open the pools, take the lease, begin to poll."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        self._watchdog.start()
        self._lease.start()

    def advance(self, *, many: bool = False) -> None:
        """Execute the next runnable run to the end of its slice; returns at once when there is none or no room.

        `many` says that more wait: each place that a run gives back is offered to the next until there is none.
        """
        future = asyncio.run_coroutine_threadsafe(self._advance(many=many), self._loop)
        try:
            future.result()
        except concurrent.futures.CancelledError:
            logger.info("The process is leaving; the run goes on elsewhere.")

    @property
    def is_leaving(self) -> bool:
        """Whether no run is taken any more."""
        return self._draining

    @property
    def has_room(self) -> bool:
        """Whether another run could be taken."""
        return not self._draining and len(self._running) < self._slots

    def drain(self) -> None:
        """Claim nothing more; let steps finish for `CEF_DRAIN_SECONDS`, then give the runs back. Signal-safe."""
        self._loop.call_soon_threadsafe(self._start_draining)

    def stop(self) -> None:
        """Let steps finish as `drain` does, give back what still runs, release the lease, end the loop."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._hooks.close(patience=HOOK_PATIENCE)
        self._threads.close()
        self._lease.close()
        self._watchdog.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _open(self) -> None:
        self._pool: EnginePool = new_pool(self._slots + 1)
        await self._pool.open(wait=False)
        self._threads = DatabaseThreads(min(DATABASE_THREADS, self._slots + 1))
        redis = Redis.from_url(
            settings.REDIS_URL, socket_timeout=_REDIS_TIMEOUT_S, socket_connect_timeout=_REDIS_TIMEOUT_S
        )
        self._publisher = Publisher(redis)
        self._hooks = DatabaseThreads(min(HOOK_THREADS, self._slots))
        self._slices = Slices(self._pool, self._publisher, self._threads, self._hooks, self._lease.holds)
        self._turns = Turns(quarantine=self._quarantine)
        self._due_waits = DueWaits(self._pool, self._threads)
        self._pace = asyncio.Lock()
        self._background = [
            self._loop.create_task(self._publisher.run(), name="publisher"),
            self._loop.create_task(LagMeter().run(), name="lag meter"),
            self._loop.create_task(self._poll(), name="poller"),
            self._loop.create_task(self._watch_lease(), name="lease watch"),
        ]

    async def _close(self) -> None:
        self._start_draining()
        async with self._pace:
            pass  # a claim that was on its way has become a slice by now, and no other follows
        if self._running:
            await asyncio.wait(self._running.values(), timeout=settings.CEF_DRAIN_SECONDS)
        await _end(self._running.values(), lambda task: self._slices.stop(task, Drained()))
        await _end(self._background, asyncio.Task.cancel)
        await self._pool.close()

    async def _advance(self, *, many: bool = False) -> None:
        self._turned_away |= many
        try:
            task = await self._start_next()
        except AWAY as error:
            logger.warning("Nothing is claimed: PostgreSQL does not answer.", extra={"error": str(error)})
            return
        if task is not None:
            await asyncio.shield(task)

    async def _start_next(self) -> "asyncio.Task[None] | None":
        """Claim a run and begin it. Starts are paced: a thousand at once would make the loop lag by half a second."""
        async with self._pace:
            worker_id = self._lease.worker_id
            full = len(self._running) >= self._slots
            self._turned_away |= full
            if self._draining or worker_id is None or full:
                return None
            hit("before_claim")
            run = await self._turns.claim_next(self._pool, worker_id)
            if run is None:
                self._turned_away = False
                return None
            hit("after_claim")
            task = self._begin(run)
            await self._breathe()
            return task

    async def _breathe(self) -> None:
        if len(self._running) > PACED_ABOVE:
            await asyncio.sleep(settings.CEF_START_PACE_SECONDS)

    def _begin(self, run: ClaimedRun) -> "asyncio.Task[None]":
        task = self._loop.create_task(self._slices.execute(run), name=f"run {run.id}")
        self._running[run.id] = task
        # No partial: anyio says of each cancelled scope which task it was, and would write out the run a dozen times.
        task.add_done_callback(lambda ended: self._ended(run, ended))
        return task

    def _ended(self, run: ClaimedRun, task: "asyncio.Task[None]") -> None:
        # A run that was given up here may have been claimed again meanwhile, by this very process.
        if self._running.get(run.id) is task:
            del self._running[run.id]
        if self._draining:
            hit("mid_drain")
        elif self._quarantine or self._turned_away or run.capped:
            self._follow()
        if not task.cancelled() and task.exception() is not None:
            self._failed.add(run.id)
            logger.error("A slice ended with a bug.", exc_info=task.exception())

    def _follow(self) -> None:
        """Offer the place that a run has just given back: the bell of the one that waits for it has rung before."""
        successor = self._loop.create_task(self._advance(), name="successor")
        self._successors.add(successor)
        successor.add_done_callback(self._successors.discard)

    async def _poll(self) -> None:
        """Free orphaned runs and take what is runnable, also while Redis is away."""
        for turn in itertools.count():
            await asyncio.sleep(settings.CEF_POLL_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311
            try:
                freed = await sweep(self._pool)
                await give_back(self._pool)
                await self._due_waits.settle()
                if turn % RECONCILE_EVERY == 0 or self._gave_up:
                    freed += await self._reconcile()
                for run_id, seq in freed:
                    self._publisher.event(run_id, seq)
                while await self._start_next() is not None:
                    pass
            except AWAY as error:
                logger.warning("The poller cannot reach PostgreSQL.", extra={"error": str(error)})
            except psycopg.Error:
                # Say a schema that is just being migrated. The poller is the last resort and must not end.
                logger.exception("The poller failed; it goes on.")

    async def _reconcile(self) -> Freed:
        # Under the lock of the claims: a run that is just being claimed is in the database before it is in a slot.
        async with self._pace:
            worker_id = self._lease.worker_id
            if worker_id is None:
                return []
            self._gave_up = False
            freed = await free_abandoned(self._pool, worker_id, self._running, self._failed)
            self._failed.clear()
            return freed

    def _start_draining(self) -> None:
        if self._draining:
            return
        self._draining = self._slices.leaving = True
        for task in self._running.values():
            self._loop.call_later(settings.CEF_DRAIN_SECONDS, self._slices.stop, task, Drained())

    async def _watch_lease(self) -> None:
        """Give the runs up by this loop's own clock: the lease's thread may hang in its renewal."""
        while True:
            await asyncio.sleep(settings.CEF_LEASE_SECONDS * WATCH_SHARE)
            if self._running and self._lease.worker_id is None:
                # The renewal may still come through, and the database see these runs here, where nobody executes them.
                self._gave_up = True
                self._stop_all(LeaseLost("The lease could not be renewed in time."))

    def _lost(self) -> None:
        self._loop.call_soon_threadsafe(self._stop_all, LeaseLost("The lease could not be renewed in time."))

    def _stop_all(self, cause: StopRun) -> None:
        for task in list(self._running.values()):
            self._slices.stop(task, cause)

    def _cancelled(self, run_ids: Sequence[UUID]) -> None:
        self._loop.call_soon_threadsafe(self._stop_cancelled, run_ids)

    def _stop_cancelled(self, run_ids: Sequence[UUID]) -> None:
        for run_id in run_ids:
            task = self._running.get(run_id)
            if task is not None:
                self._slices.stop(task, CancelSeen())

    def _load(self) -> tuple[int, bool]:
        return len(self._running), self._draining


async def _end(tasks: "Iterable[asyncio.Task[None]]", stop: "Callable[[asyncio.Task[None]], object]") -> None:
    """Stop the tasks, and again until they have ended: clients that were just connecting may swallow a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            stop(task)
        _, pending = await asyncio.wait(pending, timeout=STOP_AGAIN_SECONDS)
