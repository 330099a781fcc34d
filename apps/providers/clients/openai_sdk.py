"""OpenAI's SDK without what it would take from the environment."""

from httpx2 import AsyncClient
from openai import AsyncOpenAI

from apps.providers.credentials import unseal
from apps.providers.models import Provider
from apps.providers.options import provider_options

_NO_KEY = "none"


def openai_sdk(provider: Provider, base_url: str, http: AsyncClient) -> AsyncOpenAI:
    """The SDK's client for this address."""
    client = AsyncOpenAI(
        api_key=unseal(provider).get("api_key", _NO_KEY),
        admin_api_key="",
        webhook_secret="",
        base_url=base_url,
        max_retries=0,
        timeout=provider.timeout_s,
        http_client=http,
    )
    # Given None, the SDK takes these from OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS.
    options = provider_options(provider.settings)
    client.organization, client.project = options.organization, options.project
    client._custom_headers = {}
    return client
