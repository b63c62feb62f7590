"""How properties are tried: without a clock, because the machine may be busy with something else.

What tests start is interrupted as a user would do it: a suite that was itself started in the background, or by a runner
that ignores SIGINT in its workers, must not hand that on to the programs it starts.

What is compiled is kept, also where PYTHONDONTWRITEBYTECODE is set: some 400 processes are started, and each would
compile all that it imports; and each worker all tests, whose assertions pytest rewrites.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
import structlog
from hypothesis import settings

from fusioncmd import many

_configure = structlog.configure


def _uncached(**given: Any) -> None:
    """Commands that are run in this process set up logs; loggers that were kept then would say nothing to tests."""
    _configure(**given | {"cache_logger_on_first_use": False})


structlog.configure = _uncached  # type: ignore[assignment]
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(params=["ring", "plain"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many sockets in one system call, and each in its own."""
    if request.param == "ring" and not many.at_once():
        pytest.skip("no io_uring here")
    monkeypatch.setattr(many, "at_once", lambda: request.param == "ring")
