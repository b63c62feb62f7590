"""Orders that wait for a second commander's signature. Pure."""

from __future__ import annotations

from fusioncmd.api.question import Verbs

VERBS: Verbs = {}
