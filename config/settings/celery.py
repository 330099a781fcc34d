"""Celery: messages ring a doorbell and carry ids; the truth is in PostgreSQL.

The broker's visibility timeout is set three times because the library reads it in three places.
"""

from kombu import Queue

from config import env

_VISIBILITY_TIMEOUT_S = 900

CELERY_BROKER_URL = env.text("REDIS_URL")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("runs", "quarantine", "batch", "ops")]
CELERY_TASK_DEFAULT_QUEUE = "ops"
CELERY_TASK_ROUTES = {
    "workers.runs.*": {"queue": "runs"},
    "workers.quarantine.*": {"queue": "quarantine"},
    "workers.batch.*": {"queue": "batch"},
    "workers.ops.*": {"queue": "ops"},
}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 2,
    "socket_timeout": 30,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": True,
    # Of a sender's connection: no request waits for a Redis that is away. Workers retry by settings of their own.
    "max_retries": 1,
    "interval_start": 0,
    "global_keyprefix": env.text("CEF_REDIS_PREFIX", "cef:"),
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": _VISIBILITY_TIMEOUT_S}
CELERY_VISIBILITY_TIMEOUT = _VISIBILITY_TIMEOUT_S
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 5
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "workers.ops.sweep", "schedule": 5.0, "options": {"expires": 300}},
    "collect": {"task": "workers.ops.collect_garbage", "schedule": 3600.0, "options": {"expires": 600}},
    "retain": {"task": "workers.ops.retain", "schedule": 300.0, "options": {"expires": 300}},
}
