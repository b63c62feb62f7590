"""Who asks: logging in and out, and the accounts of commanders. Pure."""

from __future__ import annotations

from fusioncmd.api.question import Verbs

VERBS: Verbs = {}
