"""Which kinds of traffic a link carries, at either end."""

from __future__ import annotations

from gateways.satellite.beats import BeatCarrier
from gateways.satellite.carrying import Carrier, Link
from gateways.satellite.exchange import ExchangeCarrier
from gateways.satellite.kept import HubKept, KitKept
from gateways.satellite.talk import Talk
from gateways.satellite.track import tracks
from gateways.satellite.video_hub import HubVideo
from gateways.satellite.video_kit import KitVideo


def carriers(link: Link) -> list[Carrier]:
    """New ones for one link."""
    video: list[Carrier] = [KitVideo(link), KitKept(link)] if link.side == "kit" else [HubVideo(link), HubKept(link)]
    return [ExchangeCarrier(link), BeatCarrier(link), Talk(link), tracks(link), *video]
