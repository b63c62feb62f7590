"""Structured logs: one JSON object a line on standard error, or plain lines where a person is watching.

A line that cannot be written (a full disk, a reader that went away) is lost; what was to be logged goes on.
"""

from __future__ import annotations

import contextlib
import logging
import sys

import structlog


class _StandardError:
    """Whatever standard error is at the moment, for writing only."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def _says_something(record: logging.LogRecord) -> bool:
    """Not what asyncio says whenever a TLS connection ends: nobody can do anything about it."""
    return "returning true from eof_received()" not in str(record.msg)


def configure_logs() -> None:
    logging.getLogger("asyncio").addFilter(_says_something)
    plain = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer() if plain else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.WriteLoggerFactory(_StandardError()),  # type: ignore[arg-type]  # no more is used
        cache_logger_on_first_use=True,
    )
