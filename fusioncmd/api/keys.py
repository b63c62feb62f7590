"""Revocations and heartbeats of signing keys. Pure."""

from __future__ import annotations

from fusioncmd.api.question import Verbs

VERBS: Verbs = {}
