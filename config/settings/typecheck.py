"""For the type checker, which loads the settings and connects to nothing."""

import os

os.environ.setdefault("SECRET_KEY", "typecheck")
os.environ.setdefault("CEF_ENCRYPTION_KEYS", "k1:" + "A" * 43 + "=")
os.environ.setdefault("CEF_API_KEY_PEPPER", "typecheck")
os.environ.setdefault("CEF_PUBLIC_URL", "http://127.0.0.1")
os.environ.setdefault("CEF_LIVE_URL", "http://127.0.0.1")
os.environ.setdefault("DATABASE_URL", "postgresql://cef@127.0.0.1/cef")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1/0")

from config.settings.base import *  # noqa: F403
