"""The test suite: the servers that the suite itself started, cheap password hashes, plain static files."""

from config.settings.base import *  # noqa: F403
from config.settings.base import CEF_TOOL_MODULES, DATABASES, INSTALLED_APPS

# The app of the second tutorial, added as a project adds its own.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.example_app"]
CEF_TOOL_MODULES = [*CEF_TOOL_MODULES, "tests.example_app.tools"]

DATABASES = {"default": {**DATABASES["default"], "ENGINE": "tests.postgresql"}}
ALLOWED_HOSTS = ["*"]
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Deterministic and instant; tests of the real embedder name it themselves.
CEF_EMBEDDER = "hash"
