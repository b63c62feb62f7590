"""structlog without rich, which it would load to paint tracebacks: a fifth of what a process needs to start, for logs
that are JSON or plain lines (logs.py). Whoever imports this first has it so; for the commander's screens rich is there.
"""

from __future__ import annotations

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails, and structlog goes on without
    try:
        import structlog as structlog
    finally:
        del sys.modules["rich"]
