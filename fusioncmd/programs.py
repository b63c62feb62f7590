"""How a process of the tree runs and ends: its log, its loop, and one sentence for what it cannot go on after."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from fusioncmd.errors import Problem
from fusioncmd.logs import configure_logs
from fusioncmd.words import sentence

INTERRUPTED = 130  # as a shell says it: 128 and the number of SIGINT


def run_program(made: Coroutine[Any, Any, None]) -> None:
    """Until it ends; the process ends with status 1 and the sentence of a `Problem`."""
    configure_logs()
    try:
        uvloop.run(made)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Problem as problem:
        sys.exit(sentence(problem))
