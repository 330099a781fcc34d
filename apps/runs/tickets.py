"""Signed tickets that open one run's live channel for a minute.

`web` answers 303 to `live`, and HTTP clients drop the Authorization header when a redirect leaves the origin; the
ticket in the redirect's address stands in for it.
"""

from typing import Final
from uuid import UUID

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from apps.core.exceptions import NotAuthenticated

LIFETIME_S: Final = 60


def issue_ticket(run_id: UUID, workspace_id: UUID) -> str:
    """A ticket for whoever may read the run now; `live` must be opened with it within 60 s."""
    return _signer(run_id).sign(workspace_id.hex)


def redeem_ticket(ticket: str, run_id: UUID) -> UUID:
    """The workspace that the ticket opens the run in.

    Raises NotAuthenticated: `ticket_expired` after 60 s, `ticket_invalid` when it is forged or for another run.
    """
    try:
        return UUID(hex=_signer(run_id).unsign(ticket, max_age=LIFETIME_S))
    except SignatureExpired:
        raise NotAuthenticated(f"The ticket is older than {LIFETIME_S} s.", code="ticket_expired") from None
    except BadSignature:
        raise NotAuthenticated("The ticket is not valid for this run.", code="ticket_invalid") from None


def _signer(run_id: UUID) -> TimestampSigner:
    """The run is part of the salt: a ticket of another run does not verify."""
    return TimestampSigner(salt=f"cef.live.ticket:{run_id}")
