"""Whose word goes first: an emergency before everything else, then the higher tier. Pure.

One number from 0 to 255, as the Floor Priority field has it (3GPP TS 24.380, clause 8.2.3.2; higher goes first). The
gateway states it from who the terminal is and which button was pressed, and no participant for itself.
"""

from __future__ import annotations

from fusioncmd.codes import Tier

STEP = 16  # between two tiers
EMERGENCY = 128


def floor_priority(tier: Tier, emergency: bool = False) -> int:
    """Of a terminal of that tier: village 16 to province 80, and 128 more in an emergency."""
    return (Tier.VILLAGE - tier + 1) * STEP + EMERGENCY * emergency


def pre_empts(asking: int, speaking: int) -> bool:
    """Who asks takes the floor from who speaks; among equals nobody is interrupted, they wait."""
    return asking > speaking
