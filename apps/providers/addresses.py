"""Where providers may live: the public internet, this machine for the embedded model, or what the operator allows."""

from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from apps.core.addresses import IPAddress, is_internal, is_loopback, is_public, resolve
from apps.core.exceptions import InvalidInput
from apps.providers.exceptions import UnsafeAddress
from apps.providers.kinds import ProviderKind

Allowed = Callable[[IPAddress], bool]


def allowed_addresses(kind: str) -> Allowed:
    """The addresses that a provider of this kind may have."""
    if settings.CEF_ALLOW_PRIVATE_PROVIDERS:
        return is_internal
    return is_loopback if kind == ProviderKind.LOCAL else is_public


def check_base_url(url: str, *, kind: str) -> None:
    """Refuse what is no plain http(s) address, or leads where a provider of this kind may not live.

    A name that does not resolve now is accepted: it is checked again at every connection. Raises UnsafeAddress. Blocks.
    """
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnsafeAddress("The base URL must begin with http:// or https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise UnsafeAddress("The base URL may not carry a user name or password; set the credentials instead.")
    if parts.query or parts.fragment:
        raise UnsafeAddress("The base URL may not have a query or a fragment.")
    try:
        addresses = resolve(parts.hostname)
    except InvalidInput:
        return
    refuse_denied(parts.hostname, addresses, allowed_addresses(kind))


def refuse_denied(host: str, addresses: list[IPAddress], allowed: Allowed) -> None:
    """Raises UnsafeAddress when any of the host's addresses is not allowed."""
    if not all(map(allowed, addresses)):
        raise UnsafeAddress(f"The host {host!r} leads to an address where a provider may not live.", host=host)


def _split(url: str) -> SplitResult:
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise UnsafeAddress("The base URL may hold only printable ASCII, without spaces and backslashes.")
    try:
        parts = urlsplit(url)
        _ = parts.port  # odd ports are found only by asking
    except ValueError:
        raise UnsafeAddress("The base URL is not an address.") from None
    return parts
