"""The OAuth 2.0 server (django-oauth-toolkit): authorization code with PKCE, short tokens, hashed at rest."""

OAUTH2_PROVIDER = {
    "PKCE_REQUIRED": True,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 86_400,
    "ROTATE_REFRESH_TOKEN": True,
    "SCOPES": {"dashboard": "Sign in to the workers' dashboard"},
    "DEFAULT_SCOPES": ["dashboard"],
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https", "http"],
}
