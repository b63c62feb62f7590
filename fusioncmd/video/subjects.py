"""NATS subjects of video: what a source is, its packets, what is asked of it, and what is put before everybody. Pure.

A source belongs to a place: `fc.video.<path>.<source>.<rtp, what, ask or still>`. Nothing of it is kept.
"""

from __future__ import annotations

from fusioncmd.codes import Path, parse
from fusioncmd.subjects import token

SHOWN = "shown"  # the source that a place puts before everybody below: another one's packets, said again


def packets(path: Path, source: str) -> str:
    """RTP and RTCP of a source, several to a message (bundle.py)."""
    return f"fc.video.{path.dotted}.{_token(source)}.rtp"


def what(path: Path, source: str) -> str:
    """What a source is (source.py), each `SAID_S`."""
    return f"fc.video.{path.dotted}.{_token(source)}.what"


def ask(path: Path, source: str) -> str:
    """What a gateway with viewers asks of it: a new picture, a rate (source.py)."""
    return f"fc.video.{path.dotted}.{_token(source)}.ask"


def still(path: Path, source: str) -> str:
    """A single picture of it, where a thin link affords no more (still.py)."""
    return f"fc.video.{path.dotted}.{_token(source)}.still"


def sources_heard_at(path: Path) -> list[str]:
    """What whoever serves `path` listens to, to know all sources that can reach it: what places above show, and those
    of its own and of all below."""
    above = [what(each, SHOWN) for each in path.ancestors()]
    below = [f"fc.video.{path.dotted}{'.*' * depth}.*.what" for depth in range(6 - path.tier)]
    return [*above, *below]


def stills_heard_at(path: Path) -> list[str]:
    return [f"fc.video.{path.dotted}{'.*' * depth}.*.still" for depth in range(6 - path.tier)]


def show(path: Path) -> str:
    """Which source the node at `path` puts before everybody below, each `SAID_S` while it does; to its gateway."""
    return f"fc.show.{path.dotted}"


def roll(path: Path) -> str:
    """Which place the node at `path` calls in its roll, each `SAID_S` while it does; to everybody below."""
    return f"fc.roll.{path.dotted}"


def kept_ask(path: Path) -> str:
    """What a recorder above asks the one at `path`, for its copies (copying.py)."""
    return f"fc.kept.{path.dotted}.ask"


def kept_said(path: Path) -> str:
    """That a recorder is at `path`, and what it answers."""
    return f"fc.kept.{path.dotted}.said"


def source_of(subject: str) -> tuple[Path, str]:
    """The place and the name that a `fc.video` subject spells. Raises BadInput."""
    place, _, _ = subject.removeprefix("fc.video.").rpartition(".")
    path, _, name = place.rpartition(".")
    return parse(path), _token(name)


def _token(source: str) -> str:
    return token(source, "A source of video", "视频源")
