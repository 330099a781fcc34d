"""Flower, the workers' dashboard: where it listens, how it signs in, how long a sign-in lasts."""

from config import env

CEF_FLOWER_ADDRESS = env.text("CEF_FLOWER_ADDRESS", "127.0.0.1")
CEF_FLOWER_PORT = env.integer("CEF_FLOWER_PORT", 5555, low=1, high=65_535)
CEF_FLOWER_URL = env.text("CEF_FLOWER_URL", "").rstrip("/")
CEF_FLOWER_PLATFORM_URL = env.text("CEF_FLOWER_PLATFORM_URL", env.text("CEF_PUBLIC_URL")).rstrip("/")
CEF_FLOWER_CLIENT_SECRET = env.text("CEF_FLOWER_CLIENT_SECRET", "")
CEF_FLOWER_COOKIE_SECRET = env.text("CEF_FLOWER_COOKIE_SECRET", "")
CEF_FLOWER_METRICS_TOKEN = env.text("CEF_FLOWER_METRICS_TOKEN", "")
CEF_FLOWER_SESSION_SECONDS = env.integer("CEF_FLOWER_SESSION_SECONDS", 600, low=2, high=86_400)
