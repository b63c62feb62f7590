"""NATS subjects: how every kind of message is addressed, and what each listener hears. Pure.

The tokens after the kind spell the administrative path, so a subscription to a subtree is a wildcard.
"""

from __future__ import annotations

import re

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput

ROOT = "fc"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")

CALL_ALL = "fc.call.>"
AUDIENCE_ALL = "fc.audience.>"
CANARY = "fc.audience.canary"  # which every gateway reads beside orders, and shows to nobody (canary.py)
RECEIPT_ALL = "fc.receipt.>"
ROSTER_ALL = "fc.roster.>"
REPORT_ALL = "fc.report.>"
PICTURE_ALL = "fc.picture.>"
PRESENCE_ALL = "fc.presence.>"
TRUST_ALL = "fc.trust.>"
REVOCATION_ALL = "fc.trust.revocation.>"
HEAD_ALL = "fc.trust.head.>"
PROPOSAL_ALL = "fc.trust.proposal.>"
ACCOUNT_ALL = "fc.account.>"
AUDIT_ALL = "fc.audit.>"
LOST_ALL = "fc.trust.lost.*"
RADIO_ALL, RADIO_RING_ALL, RADIO_SPEAK_ALL = "fc.trust.radio.>", "fc.radio.ring.>", "fc.radio.speak.>"
CAMERA_ALL, CAMERAS_HERE = "fc.trust.camera.>", "fc.camera.here"
RADIO_FAILED, RADIO_HERE = "fc.radio.failed", "fc.radio.here"
LADDER_ALL = "fc.ladder.>"
PUSH_ALL = "fc.push.>"
SATELLITE_ALL = "fc.satellite.*"
LINE_NEXT, LINE_CAME = "fc.line.next", "fc.line.came"  # the modem of the last line asks what to say, tells what came
CHANNEL_OUTCOMES, CHANNEL_INBOUND = "fc.channel.outcomes", "fc.channel.inbound"


def call(path: Path) -> str:
    """An order to the subtree at `path`."""
    return f"fc.call.{path.dotted}"


def audience(order_text: str) -> str:
    """The numbers that an order is meant for, resolved once when it was issued."""
    return f"fc.audience.{order_text}"


def receipt(gateway: str) -> str:
    return f"fc.receipt.{gateway}"


def roster(path: Path) -> str:
    """A town's slice; at the province's path, the table of town numbers."""
    return f"fc.roster.{path.dotted}"


def report(town: Path) -> str:
    return f"fc.report.{town.dotted}"


def picture_part(town: Path, number: int, report: bytes, part: int) -> str:
    """A part of a picture that somebody of that town sent; last per part."""
    return f"fc.picture.{town.dotted}.{number:08x}.{report.hex()}.{part}"


def presence(gateway: str) -> str:
    return f"fc.presence.{gateway}"


def revocation(grant: bytes, digest: bytes) -> str:
    """That a key has ended. A subject per statement, by its digest: none can take the place of an earlier end."""
    return f"fc.trust.revocation.{grant.hex()}.{digest.hex()}"


def heartbeat(grant: bytes) -> str:
    """That a key still works; last per grant."""
    return f"fc.trust.heartbeat.{grant.hex()}"


def proposal(order: bytes) -> str:
    """An order that waits for a second commander, or nothing, when it does no longer; last per order."""
    return f"fc.trust.proposal.{order.hex()}"


def device(town: Path, number: int, device: bytes) -> str:
    """An enrolled device of the person with `number`, of that town; last per device."""
    return f"fc.trust.device.{town.dotted}.{number:08x}.{device.hex()}"


def devices_of(town: Path, number: int) -> str:
    """All devices of one person."""
    return f"fc.trust.device.{town.dotted}.{number:08x}.*"


def device_anywhere(device: bytes) -> str:
    """That device, of whom it may be."""
    return f"fc.trust.device.*.*.*.*.*.{device.hex()}"


def lost(device: bytes) -> str:
    """That a device is lost; last per device."""
    return f"fc.trust.lost.{device.hex()}"


def radio(account: str) -> str:
    """The account of a radio; last per account."""
    return f"fc.trust.radio.{account.encode().hex()}"


def camera(name: str) -> str:
    """A camera or drone of this tier; last per name."""
    return f"fc.trust.camera.{name.encode().hex()}"


def talkgroup(slot: int) -> str:
    """A temporary talkgroup; last per slot."""
    return f"fc.trust.talkgroup.{slot}"


def radio_ring(path: Path) -> str:
    """That radios of the place are to be called together; heard by radio gateways, not kept."""
    return f"fc.radio.ring.{path.dotted}"


def missing(town: Path, number: int, digest: bytes) -> str:
    """That somebody's devices are lost, for every tier. A subject per statement, as of revocations."""
    return f"fc.trust.missing.{town.dotted}.{number:08x}.{digest.hex()}"


def audit_head(path: Path) -> str:
    """The signed head of a node's audit; last per node."""
    return f"fc.trust.head.{path.dotted}"


def account(name: bytes) -> str:
    """A commander's account; last per account."""
    return f"fc.account.{name.hex()}"


ENDED_SESSIONS = "fc.account.ended"  # last: all that were ended and have not expired


def audit(path: Path) -> str:
    """What was decided at a node, hash-chained."""
    return f"fc.audit.{path.dotted}"


def link_up(code: str) -> str:
    """What the node at `code` says to the node above it: messages of the exchange."""
    return f"fc.link.{code}.up"


def link_down(code: str) -> str:
    """What is said to it from above."""
    return f"fc.link.{code}.down"


def link_beat_up(code: str) -> str:
    """That the node at `code` is there, and who has a live channel through it, each second."""
    return f"fc.link.{code}.beat"


def link_beat_down(code: str) -> str:
    """That the node above is there."""
    return f"fc.link.{code}.beaten"


def satellite(code: str) -> str:
    """How the satellite link of the node at `code` is, as its gateway at either end says; with no link, its hub."""
    return f"fc.satellite.{code}"


def radio_speak(path: Path) -> str:
    """That an order is to be spoken, to the radio gateways of the node at `path`."""
    return f"fc.radio.speak.{path.dotted}"


def ladder_running(order: bytes) -> str:
    """How long an order's ladder has run; last per order."""
    return f"fc.ladder.{order.hex()}.run"


def ladder_step(order: bytes, step: int) -> str:
    """Whom a step of an order's ladder means, and who was handed over; last per step."""
    return f"fc.ladder.{order.hex()}.step.{step}"


def on_behalf(order: bytes, number: int) -> str:
    """What somebody answered for that person; last per order and person."""
    return f"fc.ladder.{order.hex()}.behalf.{number:08x}"


def told(order: bytes, number: int) -> str:
    """That this superior was told of those silent below; last per order and superior."""
    return f"fc.ladder.{order.hex()}.told.{number:08x}"


def push(town: Path, number: int, device: bytes) -> str:
    """Where a device takes push messages; last per device."""
    return f"fc.push.{town.dotted}.{number:08x}.{device.hex() or 'none'}"


def pushes_of(town: Path, number: int) -> str:
    return f"fc.push.{town.dotted}.{number:08x}.*"


def notify(channel: str) -> str:
    """Work for the process that has this channel."""
    return f"fc.notify.{channel}"


def api(verb: str) -> str:
    return f"fc.api.{verb}"


def calls_heard_at(path: Path) -> list[str]:
    """What a gateway that serves `path` listens to: orders to any ancestor, to itself, and to anything below."""
    return [*(call(above) for above in path.ancestors()), call(path), f"{call(path)}.>"]


def path_of(subject: str) -> Path:
    """The path that a `fc.<kind>.<path>` subject spells; `BadCode` when it spells none."""
    return parse(subject.split(".", 2)[-1])


def token(name: str, en: str, zh: str) -> str:
    """A name as one token: a letter first, so that it is never taken for a place below. `en`, `zh`: of what it is.
    Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{en} is named by a letter and up to 31 letters, digits, - or _.",
            f"{zh}名称须以字母开头，其后至多 31 个字母、数字、- 或 _。",
        )
    return name
