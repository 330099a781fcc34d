"""What the dashboard needs to know, from Django's settings; it refuses to start with anything missing."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_CHARACTERS = 32


@dataclass(frozen=True, kw_only=True)
class DashboardConfig:
    """`url` is where browsers find the dashboard, `public_url` where they find the platform.

    `platform_url` is where this process finds the platform, which inside a cluster may be another address.
    """

    address: str
    port: int
    url: str
    public_url: str
    platform_url: str
    client_secret: str
    cookie_secret: str
    metrics_token: str
    session_seconds: int

    @classmethod
    def from_settings(cls) -> Self:
        """Raises ImproperlyConfigured for an absent URL and for secrets that are absent or short."""
        return cls(
            address=settings.CEF_FLOWER_ADDRESS,
            port=settings.CEF_FLOWER_PORT,
            url=_present("CEF_FLOWER_URL"),
            public_url=settings.CEF_PUBLIC_URL,
            platform_url=settings.CEF_FLOWER_PLATFORM_URL,
            client_secret=_secret("CEF_FLOWER_CLIENT_SECRET"),
            cookie_secret=_secret("CEF_FLOWER_COOKIE_SECRET"),
            metrics_token=_secret("CEF_FLOWER_METRICS_TOKEN") if settings.CEF_FLOWER_METRICS_TOKEN else "",
            session_seconds=settings.CEF_FLOWER_SESSION_SECONDS,
        )

    @property
    def prefix(self) -> str:
        """The path under which browsers find the dashboard: empty, or `/flower` say."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether browsers come by TLS."""
        return self.url.startswith("https://")


def _present(name: str) -> str:
    value: str = getattr(settings, name)
    if not value:
        raise ImproperlyConfigured(f"The dashboard needs {name}.")
    return value


def _secret(name: str) -> str:
    value = _present(name)
    if len(value) < MIN_SECRET_CHARACTERS:
        raise ImproperlyConfigured(f"{name} must have at least {MIN_SECRET_CHARACTERS} characters.")
    return value
