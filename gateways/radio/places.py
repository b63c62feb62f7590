"""Which talkgroup a call is for, by what was dialled. Pure."""

from __future__ import annotations

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput
from fusioncmd.voice.recorded import MAIN


def talkgroup_of(where: str, serves: Path) -> tuple[Path, str]:
    """Of a gateway that serves `serves`: a talkgroup at a place above or below it, or of a private call at its own.
    Raises BadInput."""
    if where.startswith("person:"):
        return serves, f"p{where.partition(':')[2]}"
    code, _, name = where.partition(".")
    path = parse(code)
    if not path.covers(serves) and not serves.covers(path):
        raise BadInput(
            f"{path} is neither above nor below {serves}: its talkgroups are not heard here.",
            f"{path} 既非 {serves} 的上级也非其下级，此处听不到其通话组。",
        )
    return path, name or MAIN
