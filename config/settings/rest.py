"""The REST API and its OpenAPI document."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.ApiKeyAuthentication",
        "apps.accounts.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.api.permissions.HasDeclaredPermission"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.renderers.FastJSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.schema.ProblemAwareSchema",
    "EXCEPTION_HANDLER": "apps.core.problems.exception_handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Context Engineering Framework",
    "DESCRIPTION": "Durable agent runs, versioned context and a tool registry on Django, Celery and PostgreSQL.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": True,
    # Fields of the same name with other choices need names of their own.
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "apps.accounts.models.ROLE_CHOICES",
        "ProviderKindEnum": "apps.providers.kinds.ProviderKind",
        "EmbeddingKindEnum": "apps.providers.kinds.EmbeddingKind",
        "EntryKindEnum": "apps.contexts.kinds.EntryKind",
        "CapKindEnum": "apps.runs.models.cap.CapKind",
        "StepKindEnum": ["model", "tool", "other"],
        "WaitKindEnum": ["approval", "question", "timer", "child", "event"],
        "WaitStateEnum": ["open", "resolved", "expired", "cancelled"],
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
