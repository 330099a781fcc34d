"""Providers and their credentials."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError

from apps.providers import credentials
from apps.providers.addresses import check_base_url
from apps.providers.exceptions import InUse, UnsafeAddress
from apps.providers.kinds import ProviderKind
from apps.providers.models import Provider
from apps.providers.options import provider_options


class ProviderFields(TypedDict, total=False):
    """What may be said about a provider."""

    name: str
    base_url: str
    settings: dict[str, Any]
    requests_per_minute: int | None
    timeout_s: float
    enabled: bool


def create_provider(workspace_id: UUID, *, slug: str, kind: str, **fields: Unpack[ProviderFields]) -> Provider:
    """A provider without credentials. Raises ValidationError, UnsafeAddress, InvalidInput."""
    provider = Provider(workspace_id=workspace_id, slug=slug, kind=kind, **({"name": slug} | fields))
    check_provider(provider)
    provider.save()
    return provider


def update_provider(provider: Provider, **fields: Unpack[ProviderFields]) -> Provider:
    """The provider with these fields changed.

    Credentials are dropped when the address comes to name another server, so that nobody can have them sent elsewhere.
    Raises as `create_provider` does.
    """
    if "base_url" in fields:
        _check_address(fields["base_url"], provider.kind)
    return _updated(provider, fields)


@transaction.atomic
def _updated(provider: Provider, fields: ProviderFields) -> Provider:
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    before = _origin(provider.base_url)
    for name, value in fields.items():
        setattr(provider, name, value)
    if _origin(provider.base_url) != before:
        _drop_credentials(provider)
    _check_fields(provider)
    provider.save()
    return provider


def delete_provider(provider: Provider) -> None:
    """Raises InUse while models refer to it."""
    try:
        provider.delete()
    except ProtectedError:
        raise InUse(f"The provider {provider.slug!r} still has models.") from None


@transaction.atomic
def set_credentials(provider: Provider, values: Mapping[str, str]) -> Provider:
    """Store credentials, which nobody can read back. Raises InvalidCredentials."""
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    sealed = credentials.seal(provider, values)
    provider.credentials = sealed.token
    provider.credentials_hint, provider.credentials_fingerprint = sealed.hint, sealed.fingerprint
    provider.save()
    return provider


@transaction.atomic
def clear_credentials(provider: Provider) -> Provider:
    """Forget the credentials."""
    provider = Provider.objects.select_for_update().get(pk=provider.pk)
    _drop_credentials(provider)
    provider.save()
    return provider


def rotate_credentials() -> int:
    """Put every provider's credentials under the key ring's active key; the number of rows. Raises Undecryptable."""
    ids = list(Provider.objects.exclude(credentials="").order_by("id").values_list("id", flat=True))
    return sum(map(_rotate, ids))


@transaction.atomic
def _rotate(provider_id: UUID) -> int:
    provider = Provider.objects.select_for_update().filter(pk=provider_id).exclude(credentials="").first()
    if provider is None:
        return 0
    provider.credentials = credentials.reseal(provider)
    provider.save(update_fields=["credentials", "updated_at"])
    return 1


def check_provider(provider: Provider) -> None:
    """Raises ValidationError, InvalidInput, UnsafeAddress. May ask the resolver."""
    _check_fields(provider)
    _check_address(provider.base_url, provider.kind)


def _check_fields(provider: Provider) -> None:
    provider.full_clean()
    provider_options(provider.settings)


def _check_address(url: str, kind: str) -> None:
    if not url:
        return
    if kind == ProviderKind.SCRIPTED:
        raise UnsafeAddress("A scripted provider has no address.")
    check_base_url(url, kind=kind)


def _drop_credentials(provider: Provider) -> None:
    provider.credentials = provider.credentials_hint = provider.credentials_fingerprint = ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
