"""NATS subjects of talkgroups: floor, voice, and who is there to arbitrate. Pure."""

from __future__ import annotations

from fusioncmd.codes import Path, parse
from fusioncmd.subjects import token


def floor(path: Path, talkgroup: str) -> str:
    """Who may speak in a talkgroup of the node at `path`; not kept."""
    return f"fc.floor.{path.dotted}.{_token(talkgroup)}"


def voice(path: Path, talkgroup: str) -> str:
    """RTP of a talkgroup, one publish per frame however many listen; not kept."""
    return f"fc.voice.{path.dotted}.{_token(talkgroup)}"


def beacon(path: Path) -> str:
    """That the node at `path` is there, and would arbitrate floors."""
    return f"fc.beacon.{path.dotted}"


def joined(gateway: str) -> str:
    """Which talkgroups somebody listens to through that gateway, each second; it crosses no link."""
    return f"fc.joined.{gateway}"


def listens(path: Path, talkgroup: str) -> str:
    """That somebody listens to it, each two seconds, without content: to whoever carries it over a thin link. Who does
    not carry it is not subscribed, and no link bears it."""
    return f"fc.listens.{path.dotted}.{_token(talkgroup)}"


def faults(path: Path) -> str:
    """What the process that records voice at that node could not do; it crosses no link."""
    return f"fc.talk.{path.code}.faults"


def talkgroup_of(subject: str) -> tuple[Path, str]:
    """The place and the name that a `fc.floor` or `fc.voice` subject spells. Raises BadInput."""
    _, _, place = subject.split(".", 2)
    path, _, name = place.rpartition(".")
    return parse(path), _token(name)


def _token(talkgroup: str) -> str:
    return token(talkgroup, "A talkgroup", "通话组")
