"""How properties are tried: without a clock, because the machine may be busy with something else.

What tests start is interrupted as a user would do it: a suite that was itself started in the background, or by a runner
that ignores SIGINT in its workers, must not hand that on to the programs it starts.
"""

from __future__ import annotations

import signal

from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
