"""Whether an identity provider is set up: who has none does not load what checks its word (a sixth of a start)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusioncmd.accounts.oidc import Provider

FILE = "oidc.toml"


def provider_in(data: Path) -> Provider | None:
    """The provider of a data folder; None when none is set up; `Unavailable` when the files say nothing sensible."""
    if not (data / FILE).exists():
        return None
    from fusioncmd.accounts.oidc import read_provider

    return read_provider(data / FILE)
