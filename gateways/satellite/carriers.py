"""Which kinds of traffic a link carries, at either end."""

from __future__ import annotations

from gateways.satellite.beats import BeatCarrier
from gateways.satellite.carrying import Carrier, Link
from gateways.satellite.exchange import ExchangeCarrier
from gateways.satellite.talk import Talk
from gateways.satellite.track import tracks


def carriers(link: Link) -> list[Carrier]:
    """New ones for one link."""
    return [ExchangeCarrier(link), BeatCarrier(link), Talk(link), tracks(link)]
