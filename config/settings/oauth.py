"""The OAuth 2.0 server (django-oauth-toolkit): authorization code with PKCE, short tokens, hashed at rest."""

from config import env

_ISSUER = env.text("CEF_PUBLIC_URL").rstrip("/") + "/o"
_COMPLIANT = (
    "IMPLICIT_GRANT",
    "PASSWORD_GRANT",
    "PKCE_METHOD",
    "ACCESS_TOKEN_TRANSPORT",
    "AUTHZ_RESPONSE_ISS",
    "TOKEN_STORAGE",
    "REFRESH_TOKEN",
    "REDIRECT_URI_SCHEME",
    "REDIRECT_URI_MATCHING",
    "PKCE_REQUIRED",
)

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "admin:index"

OAUTH2_PROVIDER = {
    **{f"COMPLIANT_BCP_RFC9700_{practice}": True for practice in _COMPLIANT},
    "OAUTH2_VALIDATOR_CLASS": "apps.accounts.oauth.validator.PlatformValidator",
    "OIDC_ISS_ENDPOINT": _ISSUER,
    "PKCE_REQUIRED": True,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "ID_TOKEN_EXPIRE_SECONDS": 600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 86_400,
    "REFRESH_TOKEN_GENERATOR": "oauthlib.oauth2.rfc6749.tokens.random_token_generator",
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ROTATE_REFRESH_TOKEN": True,
    "SCOPES": {"dashboard": "Sign in to the workers' dashboard"},
    "DEFAULT_SCOPES": ["dashboard"],
    # A platform that is itself served without TLS (one machine, one developer) may redirect to http.
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"] if _ISSUER.startswith("https://") else ["https", "http"],
    "ALLOW_URI_WILDCARDS": False,
    "DCR_ENABLED": False,
    "CIMD_ENABLED": False,
}
