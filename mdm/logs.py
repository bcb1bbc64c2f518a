"""Structured logs: one JSON object a line in production, colour on a terminal. Ids are logged, payloads never."""

from __future__ import annotations

import logging.config
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Tracebacks without the values of local variables: those are payloads and secrets.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
_JSON: list[Any] = [_TRACEBACKS, structlog.processors.JSONRenderer()]
_CONSOLE: list[Any] = [
    structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
]

# These tell of every connection, request or task.
_CHATTY = ("asyncssh", "axes", "celery.app.trace", "celery.beat", "celery.worker.strategy", "fontTools", "httpx")


def configure(style: str, level: str) -> None:
    """Route structlog and the standard library's loggers through one handler. ``style`` is "json" or "console"."""
    render = _JSON if style == "json" else _CONSOLE
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
                    "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder()],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {name: {"level": "WARNING"} for name in _CHATTY},
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
