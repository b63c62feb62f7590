"""What each user of the account of links may publish and hear: nodes below, and who carries voice and video. Pure."""

from __future__ import annotations

from fusioncmd import subjects
from fusioncmd.bus.users import BusUser
from fusioncmd.track import counts
from fusioncmd.track.position import all_below
from fusioncmd.video.subjects import SHOWN, ask, packets, roll, show, what
from fusioncmd.voice import subjects as talk_subjects


def talk(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The voice and video of a gateway's terminals: nothing is kept there, and nobody is asked."""
    beacons = (*map(talk_subjects.beacon, user.path.ancestors()), *below(talk_subjects.beacon(user.path)))
    says = (*_talkgroups(user, *_TALK, "listens"), *_video_says(user))
    says = (*says, talk_subjects.joined(f"{user.serves}-{user.name}"))
    return says, (*_talkgroups(user), *_video_hears(user), *beacons)


def floor(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who arbitrates floors and records voice and video at a node."""
    talkgroups, own = _talkgroups(user), talk_subjects.beacon(user.path)
    beacons = (*map(talk_subjects.beacon, user.path.ancestors()), *below(own))
    says, hears = _kept(user, "ask"), _kept(user, "said")
    own_says = (*talkgroups, *_video_says(user), *says[1:], hears[0], own, talk_subjects.faults(user.path))
    return own_says, (
        *talkgroups, *_video_hears(user), *hears[1:], says[0], *beacons, talk_subjects.joined("*"),
    )  # fmt: skip


def track(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Positions of units of the own place and below: the gateway says and hears them, and so does the node; and what
    the gateway did not take."""
    both = all_below(user.path), counts.subject(user.path)
    return both, both


def watching(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who looks for smoke and fire hears the video of the own place and below, what is shown above too, and says
    nothing."""
    return (), _video_hears(user)


def link(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The NATS server of a node below: it says what comes up from there, positions too, and hears what goes down, and
    voice of the talkgroups above it and below, and video, as far as somebody there listens; nothing else."""
    talkgroups = _talkgroups(user)
    up = (*says_up(user.serves), *talkgroups, *_video_says(user), *below(talk_subjects.beacon(user.path)))
    up = (*up, *_kept(user, "said"), *_talkgroups(user, "listens"), all_below(user.path))
    down = (*says_down(user.serves), *talkgroups, *_video_hears(user), *_kept(user, "ask"))
    down = (*down, f"fc.listens.{user.path.dotted}.>")
    return up, (*down, *map(talk_subjects.beacon, user.path.ancestors()))


def satellite(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who carries links over satellites: what a link's user may, from either end of it, and how such links are. It
    speaks for the node above, and for those below: which of these are let in stands in the account (`nats_links`).
    Beacons of nodes at the far end are said here again; who listens is heard, and said of the far end's people."""
    beacons = (*map(talk_subjects.beacon, user.path.ancestors()), *below(talk_subjects.beacon(user.path)))
    kept = (*_kept(user, "ask"), *_kept(user, "said"))
    both = (*says_up("*"), *says_down("*"), *_talkgroups(user, *_TALK, "listens"), *beacons, *kept)
    both = (*both, all_below(user.path))
    video_says, video_hears = satellite_video(user)
    says = (*both, *video_says, subjects.satellite("*"))
    return says, (*both, *video_hears, talk_subjects.joined("*"))


_TALK = "voice", "floor"


def _talkgroups(user: BusUser, *kinds: str) -> tuple[str, ...]:
    """Voice and floors, or what is given, of the places above, and of the user's own and all below."""
    return tuple(
        subject
        for kind in kinds or _TALK
        for subject in (
            *(f"fc.{kind}.{path.dotted}.*" for path in user.path.ancestors()), f"fc.{kind}.{user.path.dotted}.>",
        )
    )  # fmt: skip


def _video_says(user: BusUser) -> tuple[str, ...]:
    """Sources of the own place and below, and what is put before those below; of what places above show, asks."""
    asks = (ask(path, SHOWN) for path in user.path.ancestors())
    return (*asks, f"fc.video.{user.path.dotted}.>", *below(show(user.path)), *below(roll(user.path)))


def _kept(user: BusUser, kind: str) -> tuple[str, ...]:
    """Of copies of what was recorded: at the own place, and then at each depth below."""
    return tuple(f"fc.kept.{user.path.dotted}{'.*' * depth}.{kind}" for depth in range(6 - user.path.tier))


def _video_hears(user: BusUser) -> tuple[str, ...]:
    """Of places above, what they show and nothing else."""
    above = list(user.path.ancestors())
    sources = (subject(path, SHOWN) for path in above for subject in (packets, what))
    put = (subject for path in above for subject in (show(path), roll(path)))
    own = (f"fc.video.{user.path.dotted}.>", *below(show(user.path)), *below(roll(user.path)))
    return (*sources, *put, *own)


def says_up(code: str) -> tuple[str, ...]:
    """What the node at `code` says to the one above."""
    return subjects.link_up(code), subjects.link_beat_up(code)


def says_down(code: str) -> tuple[str, ...]:
    """What it is told from above."""
    return subjects.link_down(code), subjects.link_beat_down(code)


def below(subject: str) -> tuple[str, str]:
    return subject, f"{subject}.>"


def satellite_video(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Video, for who carries it over a satellite: sources of the own place and below, what is asked of them, what
    their encoder is told (`fc.thin`), and rolls of places above, said again."""
    own, rolls = f"fc.thin.{user.path.dotted}.>", tuple(map(roll, user.path.ancestors()))
    return (*_video_says(user), own, *rolls), (*_video_hears(user), own)
