"""What a run may still spend, and setting aside what its next model call may cost at most."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from apps.core.ids import new_id
from apps.runs.budget_statements import GIVE_BACK, LOCK_ACCOUNTS, OPEN_MONTH, RESERVE
from apps.runs.limits import Spent
from workers.engine.claim import ClaimedRun
from workers.engine.database import EnginePool, insist
from workers.engine.stops import BudgetExceeded

USEFUL_OUTPUT: Final = 256
"""Tokens out below which a call is refused rather than cut short, unless its agent asks for fewer."""

Price = Callable[[int, int], Decimal | None]
"""USD for tokens in and out; None when the model's price is unknown."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was set aside for one call, and the rows that say so."""

    tokens: int
    usd: Decimal
    ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What is left under one limit; None is no limit."""

    tokens: int | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Quote:
    """A call before it is made: its tokens in, the most it wants out, and what they cost."""

    tokens_in: int
    tokens_out: int
    price: Price

    def affordable(self, ceilings: Iterable[Ceiling]) -> int:
        """The most tokens out that every ceiling allows, at most those wanted.

        Raises BudgetExceeded when that is too little for an answer that is not cut short.
        """
        allowed = min((self._under(ceiling) for ceiling in ceilings), default=self.tokens_out)
        if allowed < min(self.tokens_out, USEFUL_OUTPUT):
            raise BudgetExceeded("The next model call may cost more than is left of a budget.")
        return min(allowed, self.tokens_out)

    def usd(self, tokens_out: int) -> Decimal:
        """What the call costs with so many tokens out; zero when nobody knows."""
        return self.price(self.tokens_in, tokens_out) or Decimal(0)

    def _under(self, ceiling: Ceiling) -> int:
        allowed = self.tokens_out if ceiling.tokens is None else min(self.tokens_out, ceiling.tokens - self.tokens_in)
        return allowed if ceiling.usd is None else min(allowed, self._under_usd(ceiling.usd))

    def _under_usd(self, left: Decimal) -> int:
        question, whole = self.price(self.tokens_in, 0), self.price(self.tokens_in, self.tokens_out)
        if question is None or whole is None:
            raise BudgetExceeded("The model's price is unknown, so no USD budget can be kept: give its row a price.")
        if whole <= left:
            return self.tokens_out
        each = (whole - question) / self.tokens_out
        return int((left - question) / each) if each else 0


class Purse:
    """What one run may spend: under its own limits, its workspace's month, and the limits of its ancestors.

    `budgeted` says whether the workspace has a budget, as far as the run's last statement has seen.
    """

    def __init__(self, pool: EnginePool, run: ClaimedRun) -> None:
        self._pool, self._run, self.budgeted = pool, run, run.budgeted
        self._tokens, self._usd = 0, Decimal(0)

    @property
    def is_limited(self) -> bool:
        """Whether anything must be reserved at all."""
        limits = self._run.limits
        return limits.tokens is not None or limits.usd is not None or self._has_accounts

    async def reserve(self, quote: Quote, spent: Spent) -> tuple[Reserved, int]:
        """Set the call's cost aside: what was reserved, and the tokens out that it pays for. Raises BudgetExceeded."""
        own = self._own(spent)
        if not self._has_accounts:
            out = quote.affordable([own])
            reserved = Reserved(quote.tokens_in + out, quote.usd(out), ())
        else:
            # Tried again after a commit that was not answered, it sets aside twice, until the run leaves this process.
            reserved, out = await insist(lambda: self._from_accounts(quote, own))
        self._tokens += reserved.tokens
        self._usd += reserved.usd
        return reserved, out

    def release(self, reserved: Reserved) -> None:
        """The call is over: what it cost is counted as spent, or it failed."""
        self._tokens -= reserved.tokens
        self._usd -= reserved.usd

    @property
    def _has_accounts(self) -> bool:
        return self.budgeted or bool(self._run.account_ids)

    def _own(self, spent: Spent) -> Ceiling:
        limits = self._run.limits
        return Ceiling(
            None if limits.tokens is None else limits.tokens - spent.tokens - self._tokens,
            None if limits.usd is None else Decimal(str(limits.usd)) - spent.usd - self._usd,
        )

    async def _from_accounts(self, quote: Quote, own: Ceiling) -> tuple[Reserved, int]:
        async with self._pool.connection() as link, link.transaction():
            rows = await self._locked(link)
            out = quote.affordable([own, *(Ceiling(row["tokens_left"], row["usd_left"]) for row in rows)])
            tokens_both, usd = quote.tokens_in + out, quote.usd(out)
            ids = tuple([await self._set_aside(link, row["id"], tokens_both, usd) for row in rows])
        return Reserved(tokens_both, usd, ids), out

    async def _locked(self, link: AsyncConnection[DictRow]) -> Sequence[DictRow]:
        place = {"workspace": self._run.workspace_id, "accounts": list(self._run.account_ids)}
        if self.budgeted:
            await link.execute(OPEN_MONTH, {"id": new_id(), "workspace": self._run.workspace_id})
        return await (await link.execute(LOCK_ACCOUNTS, place)).fetchall()

    async def _set_aside(self, link: AsyncConnection[DictRow], account: UUID, both: int, usd: Decimal) -> UUID:
        row_id = new_id()
        sums = {"account": account, "tokens": both, "usd": usd}
        await link.execute(RESERVE, sums | {"id": row_id, "run": self._run.id, "epoch": self._run.epoch})
        return row_id


async def give_back(pool: EnginePool) -> None:
    """Free what was set aside for calls whose run has left the process that made them."""
    async with pool.connection() as link:
        await link.execute(GIVE_BACK)
