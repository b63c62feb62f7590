"""A roll call as lines of a CSV file. Pure."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from fusioncmd.cli.rows import BYTE_ORDER_MARK, neutral
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.video.roll import RollCall

HEADINGS = ("place", "name", "outcome", "called", "live", "over", "seen_s", "source", "who")


def roll_csv(call: RollCall, places: Divisions) -> str:
    """One line for each place, in the order of the roll; times in UTC (ISO 8601), empty for never."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for one in call.turns:
        times = (_iso(one.called_ms), _iso(one.live_ms), _iso(one.over_ms))
        name = places.full_name(Path(one.place))
        writer.writerow(
            [one.place, neutral(name), one.outcome, *times, f"{one.seen_ms / 1_000:.1f}", one.source, neutral(one.who)]
        )
    return BYTE_ORDER_MARK + text.getvalue()


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds") if at_ms else ""
