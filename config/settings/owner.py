"""The settings at hand, with the database role that owns the tables: for migrations only."""

from config import env
from config.settings.base import *  # noqa: F403

DATABASES = {"default": env.database("DATABASE_OWNER_URL", env.text("DATABASE_URL"))}
