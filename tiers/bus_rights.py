"""What each user of the bus may publish and hear, as allow-lists: what is not here is refused by NATS. Pure.

Tokens are exact: a node's own path and what lies below it, a gateway's own name. Whoever takes over a gateway can
lose or invent the answers of the people whom it serves, and do nothing else on the bus. (It also has the tier's ticket
key, which makes tickets and codes for others: SECURITY.md.)

Gateways are in an account of their own (`gateway_shares`). A right to publish does not say where the reply goes: in the
node's account, a gateway could have the confirmation of its receipt stored as a town's roster.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd import subjects
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.bus.consumers import GATEWAYS_JETSTREAM, JETSTREAM, fixed_name
from fusioncmd.bus.port import AUDIT, CALL, PICTURE, RECEIPT, REPORT, ROSTER, STREAMS, TRUST, StreamSpec
from fusioncmd.bus.users import BusUser
from fusioncmd.departments import subjects as department_subjects
from fusioncmd.track.phones import PHONES_ALL
from fusioncmd.track.phones import subject as phones
from fusioncmd.voice import subjects as talk_subjects
from tiers import link_rights
from tiers.link_rights import below, says_down, says_up

FLOW = "$JS.FC"  # where a consumer is told that what it sent has been handled
GATEWAY_ASKS = ("enrol", "renew", "below", "answer-below")
VIDEO_ASKS = ("missed", "missed-recording")
RADIO_SAYS = (subjects.RADIO_FAILED, subjects.RADIO_HERE)
LINE_SAYS = (subjects.LINE_NEXT, subjects.LINE_CAME)
CHANNELS_SAY = (subjects.CHANNEL_OUTCOMES, subjects.CHANNEL_INBOUND)
# Of the trust between nodes and commanders, what a gateway has to know; one consumer each, held to its filter.
GATEWAY_TRUSTS = ("fc.trust.revocation.>", "fc.trust.heartbeat.>", "fc.trust.lost.>")


@dataclass(frozen=True, slots=True)
class Rights:
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def rights_of(user: BusUser, clustered: bool = False, linked: bool = False, highest: bool = False) -> Rights:
    """Every user hears its own inbox, and nobody else's. The node of a cluster may also change its streams, because it
    has them replicated. One that is `linked` to a node above keeps on its own bus what comes from there. On the server
    of the `highest` there is nobody above, and the towns are numbered by its own users."""
    make = {
        "node": _node, "gateway": _gateway, "office": _office, "commander": _commander, "link": link_rights.link,
        "channels": _channels, "radio": _radio, "talk": link_rights.talk, "floor": link_rights.floor, "video": _video,
        "camera": _camera, "satellite": link_rights.satellite, "track": link_rights.track,
        "shortmessage": _line, "alarm": _alarm, "sensors": _sensors,
        "seeing": _seeing, "watching": link_rights.watching,
    }[user.role]  # fmt: skip
    publish, hear = make(user)
    if linked and user.role == "node":
        # Orders from above lie here on the subject that they were given there; the province numbers the towns.
        above = user.path.ancestors()
        publish = (*publish, *map(subjects.call, above), *map(subjects.roster, above), subjects.HEAD_ALL)
    if highest and user.role in ("node", "office"):
        publish = (*publish, *map(subjects.roster, user.path.ancestors()))
    if clustered and user.role == "node":
        publish = (*publish, *(f"{JETSTREAM}.STREAM.UPDATE.{stream.name}" for stream in STREAMS))
    return Rights(publish, (f"_INBOX.{user.name}.>", *hear))


def _node(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    here = user.path
    publish = (
        *below(subjects.call(here)), "fc.audience.*", *below(subjects.roster(here)), *below(subjects.report(here)),
        *below(subjects.audit(here)),
        "fc.trust.revocation.>", "fc.trust.heartbeat.*", "fc.trust.proposal.*",
        f"fc.trust.device.{here.dotted}.>", "fc.trust.lost.>",
        "fc.trust.radio.*", "fc.trust.camera.*", "fc.trust.talkgroup.*", *below(f"fc.radio.ring.{here.dotted}"),
        subjects.radio_speak(here),
        f"fc.trust.missing.{here.dotted}.>",
        *below(subjects.audit_head(here)), "fc.account.*",
        *below(alarm_subjects.decided(here)), alarm_subjects.EXPERT_ALL, alarm_subjects.DRAW_ALL,
        alarm_subjects.PLACE_ALL, subjects.LADDER_ALL,
        *below(f"fc.push.{here.dotted}"), subjects.notify("*"), *map(subjects.receipt, ("sms", "line", "department")),
        department_subjects.TAKES_ALL,
        *says_up(here.code), *says_down("*"),
        # Its answers. Not `allow_responses`: an asker could have them put on any subject, the province's too.
        "_INBOX.>", "_R_.>",
        subjects.api("*"),  # what a person at its machine asks with its key
    )  # fmt: skip
    made = tuple(f"{JETSTREAM}.STREAM.CREATE.{stream.name}" for stream in STREAMS)
    forgets = tuple(f"{JETSTREAM}.STREAM.PURGE.{stream.name}" for stream in (RECEIPT, REPORT))
    made = (*made, f"{JETSTREAM}.STREAM.UPDATE.{PICTURE.name}")  # a kit gives pictures less room where it has little
    reads = tuple(subject for stream in STREAMS for subject in _reads(stream))
    links = *says_up("*"), *says_down(here.code)
    return (*publish, *made, *forgets, *reads), (
        subjects.api(">"),
        subjects.PRESENCE_ALL,
        *CHANNELS_SAY,
        *LINE_SAYS,
        *RADIO_SAYS,
        subjects.CAMERAS_HERE,
        department_subjects.SAYS_ANSWERS,
        department_subjects.HERE,
        subjects.SATELLITE_ALL,
        PHONES_ALL,
        talk_subjects.faults(here),
        *links,
    )


def _gateway(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    says = (
        subjects.receipt(user.name), subjects.presence(user.name), *below(subjects.report(user.path)),
        f"fc.picture.{user.path.dotted}.>", *below(f"fc.push.{user.path.dotted}"), phones(user.name),
    )  # fmt: skip
    return (*says, *map(subjects.api, GATEWAY_ASKS), *_gateway_reads(user.name, GATEWAYS_JETSTREAM)), ()


def _gateway_reads(name: str, api: str) -> tuple[str, ...]:
    """Orders, and of the trust what `GATEWAY_TRUSTS` lists, by consumers that bear the gateway's `name`."""
    return (
        f"{api}.STREAM.INFO.{CALL.name}", f"{api}.STREAM.INFO.{TRUST.name}",
        f"{api}.CONSUMER.CREATE.{CALL.name}.{name}", *_keeps(CALL, name, api),
        *(
            subject
            for pattern in GATEWAY_TRUSTS
            for consumer in (name if name == "*" else fixed_name(name, (pattern,)),)
            for subject in (
                f"{api}.CONSUMER.CREATE.{TRUST.name}.{consumer}.{pattern}", *_keeps(TRUST, consumer, api)
            )
        ),
    )  # fmt: skip


def _radio(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The radio gateway: it reads orders and accounts of radios, tells of wrong secrets and who is there, hears whom to
    call and what to speak, and has callers' answers stored. It is in the account of gateways, for the same reason."""
    reads = (*_radio_reads(user.name, GATEWAYS_JETSTREAM), *_gateway_reads(user.name, GATEWAYS_JETSTREAM))
    hears = (*below(f"fc.radio.ring.{user.path.dotted}"), subjects.radio_speak(user.path))
    return (*RADIO_SAYS, subjects.receipt(user.name), *reads), hears


def _radio_reads(name: str, api: str) -> tuple[str, ...]:
    consumer = name if name == "*" else fixed_name(name, (subjects.RADIO_ALL,))
    create = f"{api}.CONSUMER.CREATE.{TRUST.name}.{consumer}.{subjects.RADIO_ALL}"
    return f"{api}.STREAM.INFO.{TRUST.name}", create, *_keeps(TRUST, consumer, api)


def _video(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The gateway of browsers: it reads whose devices are lost, and asks what people missed. Their voice is another
    user's."""
    consumer = fixed_name(user.name, (subjects.LOST_ALL,))
    create = f"{GATEWAYS_JETSTREAM}.CONSUMER.CREATE.{TRUST.name}.{consumer}.{subjects.LOST_ALL}"
    reads = (f"{GATEWAYS_JETSTREAM}.STREAM.INFO.{TRUST.name}", create, *_keeps(TRUST, consumer, GATEWAYS_JETSTREAM))
    return (*reads, *map(subjects.api, VIDEO_ASKS)), ()


def _camera(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The gateway of cameras: it reads which there are, and says how they are. Their pictures are another user's."""
    return (subjects.CAMERAS_HERE, *_camera_reads(user.name, GATEWAYS_JETSTREAM)), ()


def _camera_reads(name: str, api: str) -> tuple[str, ...]:
    consumer = name if name == "*" else fixed_name(name, (subjects.CAMERA_ALL,))
    create = f"{api}.CONSUMER.CREATE.{TRUST.name}.{consumer}.{subjects.CAMERA_ALL}"
    return f"{api}.STREAM.INFO.{TRUST.name}", create, *_keeps(TRUST, consumer, api)


def _alarm(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The gateway of alarms: it has them stored, of its own place and below, and reads nothing. It takes those of
    departments, and speaks for departments without NATS."""
    says = (
        *below(alarm_subjects.alarm(user.path)),
        department_subjects.SAYS_ANSWERS,
        department_subjects.HERE,
        "_R_.>",
    )
    return says, (department_subjects.SAYS_ALARMS, department_subjects.TAKES_ALL)


def _seeing(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who looks for smoke and fire: it has alarms stored, and their pictures, and reads nothing."""
    return (*_alarm(user)[0], *alarm_subjects.stills(user.path)), ()


def _sensors(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same process in the account of sensors: it hears them."""
    return (), ("sensor.>",)


def gateway_shares() -> dict[str, str]:
    """What the node's account lends to that of its gateways: subject there, and the name that they have for it."""
    says = (
        "fc.receipt.*", "fc.presence.*", "fc.report.>", "fc.picture.>", subjects.PUSH_ALL, PHONES_ALL,
        alarm_subjects.ALARM_ALL,
        *map(subjects.api, (*GATEWAY_ASKS, *VIDEO_ASKS)), *RADIO_SAYS, subjects.CAMERAS_HERE,
        department_subjects.HERE,
    )  # fmt: skip
    own = (*_gateway_reads("*", JETSTREAM), *_radio_reads("*", JETSTREAM), *_camera_reads("*", JETSTREAM))
    theirs = (
        *_gateway_reads("*", GATEWAYS_JETSTREAM), *_radio_reads("*", GATEWAYS_JETSTREAM),
        *_camera_reads("*", GATEWAYS_JETSTREAM),
    )  # fmt: skip
    return {subject: subject for subject in says} | dict(zip(own, theirs, strict=True))


def _office(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command line on the node's own machine: it loads the roster, reads it for tickets, and proves the audit."""
    reads = (subject for stream in (ROSTER, AUDIT, TRUST) for subject in _reads(stream))
    return (subjects.api(">"), *below(subjects.roster(user.path)), *reads), ()


def _channels(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What reaches phones by other ways: it hears its work, answers the node, and reads nothing that is kept."""
    return (*CHANNELS_SAY, "_INBOX.node.>"), (subjects.notify("*"),)


def _line(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What has the modem of the last line: it asks the node what to send, brings it what came, and reads nothing."""
    return LINE_SAYS, ()


def _commander(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (subjects.api(">"),), ()


def _reads(stream: StreamSpec) -> tuple[str, ...]:
    """All of a stream, by consumers of any name."""
    of = f"{JETSTREAM}.CONSUMER.CREATE.{stream.name}"
    direct = f"{JETSTREAM}.DIRECT.GET.{stream.name}.>"
    led = f"{JETSTREAM}.STREAM.MSG.GET.{stream.name}"
    return (f"{JETSTREAM}.STREAM.INFO.{stream.name}", f"{of}.>", *_keeps(stream, "*"), direct, led)


def _keeps(stream: StreamSpec, name: str, api: str = JETSTREAM) -> tuple[str, ...]:
    return f"{api}.CONSUMER.DELETE.{stream.name}.{name}", f"{FLOW}.{stream.name}.{name}.>"
