"""Who may ask what: the one place where roles and scopes are rules. Pure.

The bus, the CLI and the HTTP API all come through here. `check` is asked before a question is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusioncmd.codes import Path

Role = Literal["commander", "duty_officer", "auditor", "administrator"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who was let in: by what name, with which roles, and for which place and below."""

    name: str
    roles: frozenset[Role]
    path: Path
