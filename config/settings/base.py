"""What every deployment shares. Fails closed: no default secret, no debugging, no open host."""

from pathlib import Path

from config import env
from config.settings.admin import UNFOLD as UNFOLD
from config.settings.celery import *  # noqa: F403
from config.settings.engine import *  # noqa: F403
from config.settings.flower import *  # noqa: F403
from config.settings.logging import LOGGING as LOGGING
from config.settings.oauth import *  # noqa: F403
from config.settings.providers import *  # noqa: F403
from config.settings.rest import REST_FRAMEWORK as REST_FRAMEWORK
from config.settings.rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from config.settings.tools import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parents[2]

SECRET_KEY = env.text("SECRET_KEY")
CEF_ENCRYPTION_KEYS = env.key_ring("CEF_ENCRYPTION_KEYS")
CEF_API_KEY_PEPPER = env.text("CEF_API_KEY_PEPPER")
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

CEF_PUBLIC_URL = env.text("CEF_PUBLIC_URL").rstrip("/")
CEF_LIVE_URL = env.text("CEF_LIVE_URL").rstrip("/")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "oauth2_provider",
    "apps.core",
    "apps.accounts",
    "apps.providers",
    "apps.tools",
    "apps.contexts",
    "apps.agents",
    "apps.runs",
    *env.words("CEF_EXTRA_APPS"),
]

MIDDLEWARE = [
    "apps.core.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": env.database("DATABASE_URL")
    | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # An accepted run must survive the server's crash, whatever the server's own default is.
        "OPTIONS": {"options": "-c synchronous_commit=on"},
    }
}
REDIS_URL = env.text("REDIS_URL")

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", BASE_DIR / "staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
