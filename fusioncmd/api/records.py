"""What was decided, and by whom: pages of the audit. Pure."""

from __future__ import annotations

from fusioncmd.api.question import Verbs

VERBS: Verbs = {}
