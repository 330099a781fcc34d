"""Runs the dashboard until it is told to stop."""

import logging
import signal
from typing import TYPE_CHECKING

from workers.dashboard.application import Dashboard
from workers.dashboard.config import DashboardConfig

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)


def serve(config: DashboardConfig, capp: "Celery") -> None:
    """Listen and block; SIGTERM and SIGINT end it."""
    # Tornado writes whole addresses into its access log, and an address may carry an authorization code.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    dashboard = Dashboard(config, capp)
    for signum in (signal.SIGTERM, signal.SIGINT):
        dashboard.io_loop.asyncio_loop.add_signal_handler(signum, dashboard.stop)
    port = dashboard.start_http_server()
    logger.info("The dashboard listens.", extra={"port": port, "url": config.url})
    dashboard.start()
