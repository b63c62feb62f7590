"""Enrolling devices, renewing their tickets, revoking those that are lost. Pure."""

from __future__ import annotations

from fusioncmd.api.question import Verbs

VERBS: Verbs = {}
