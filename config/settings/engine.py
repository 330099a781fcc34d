"""The engine's clocks and sizes, in seconds and counts."""

from config import env

CEF_REDIS_PREFIX = env.text("CEF_REDIS_PREFIX", "cef:")
CEF_RUN_SLOTS = env.integer("CEF_RUN_SLOTS", 1000, low=1, high=4000)
CEF_WORKSPACE_SLOTS = env.integer("CEF_WORKSPACE_SLOTS", 0, high=10_000)
CEF_LEASE_SECONDS = env.number("CEF_LEASE_SECONDS", 20.0, low=1.0, high=600.0)
CEF_HEARTBEAT_SECONDS = env.number("CEF_HEARTBEAT_SECONDS", 5.0, low=0.1, high=60.0)
CEF_POLL_SECONDS = env.number("CEF_POLL_SECONDS", 3.0, low=0.1, high=60.0)
CEF_DRAIN_SECONDS = env.number("CEF_DRAIN_SECONDS", 25.0, low=0.0, high=600.0)
CEF_STALL_SECONDS = env.number("CEF_STALL_SECONDS", 60.0, low=1.0, high=3600.0)
CEF_CONSUMER_SECONDS = env.number("CEF_CONSUMER_SECONDS", 60.0, low=1.0, high=3600.0)
CEF_START_PACE_SECONDS = env.number("CEF_START_PACE_SECONDS", 0.008, low=0.0, high=1.0)
CEF_RUN_DEPTH = env.integer("CEF_RUN_DEPTH", 5, low=0, high=50)
CEF_RUN_CHILDREN = env.integer("CEF_RUN_CHILDREN", 100, low=0, high=10_000)
CEF_RUN_TREE = env.integer("CEF_RUN_TREE", 1000, low=1, high=100_000)
CEF_TIMER_DAYS = env.integer("CEF_TIMER_DAYS", 366, low=1, high=3660)
CEF_FAILPOINT = env.words("CEF_FAILPOINT")
CEF_ENGINE_CONNECTIONS = env.integer("CEF_ENGINE_CONNECTIONS", 8, low=1, high=64)
