"""What this platform's OAuth 2.0 server decides differently from django-oauth-toolkit."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator

from apps.accounts.oauth.client import CLIENT_ID


class PlatformValidator(OAuth2Validator):  # type: ignore[misc]  # the library has no types
    """Access tokens are rows, looked up by hash; nothing else opens the API."""

    def validate_jwt_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        """Whether a bearer that looks like a JWT is one of our access tokens.

        The library would accept an ID token here, which says who somebody is and not what its holder may do.
        """
        return bool(self.validate_bearer_token(token, scopes, request))

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> Any:
        """Store the token; the dashboard asks once who signed in, so it gets nothing to come back with."""
        if request.client.client_id == CLIENT_ID:
            token.pop("refresh_token", None)
        return super().save_bearer_token(token, request, *args, **kwargs)
