"""A satellite gateway reads no stream: which keys have ended its node tells it in a file, which proves itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fusioncmd.errors import Unavailable
from fusioncmd.satellite import HubFacts, pack
from fusioncmd.trust import handing, keyfile, ring, told_ends
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.revocations import Revocations, revoke
from fusioncmd.trust.told_ends import ToldEnds
from loadtest.offices import NOW_MS, Offices
from tiers.satellite_links import SatelliteLinks

OFFICES = Offices(11)
CHEN, LI = OFFICES.people["actual", "Chen Wei"], OFFICES.people["actual", "Li Na"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / told_ends.FOLDER).mkdir()
    anchor = ring.folder_of(tmp_path) / "anchors" / "root.grants"
    anchor.parent.mkdir(parents=True)
    keyfile.write_grants(anchor, (OFFICES.root_grant,))
    return tmp_path


def since(ends: ToldEnds, who: Credential) -> int | None:
    return ends.since_ms(OFFICES.anchors.prove(who.name, who.chain))


def test_what_the_node_tells_counts_from_then_on_and_so_does_what_was_stated_here(data: Path) -> None:
    ends = ToldEnds(data)
    assert since(ends, CHEN) is None
    known = Revocations(OFFICES.anchors)
    links = SatelliteLinks(lambda kit: None, lambda: 0.0)
    links.tell_ends(data / told_ends.FOLDER, known)
    known.add(revoke(OFFICES.city, CHEN.chain, NOW_MS))
    links.hear("fc.satellite.4401", pack(HubFacts()))
    assert since(ends, CHEN) == NOW_MS and since(ends, LI) is None
    handing.keep_end(ring.folder_of(data), revoke(OFFICES.city, LI.chain, NOW_MS - 5))
    assert since(ends, LI) == NOW_MS - 5


def test_a_file_that_somebody_else_wrote_ends_nobody(data: Path) -> None:
    other = Offices(12)
    forged = revoke(other.city, other.people["actual", "Chen Wei"].chain, NOW_MS)
    told_ends.tell(data / told_ends.FOLDER, (forged, b"nothing"))
    ends = ToldEnds(data)
    assert since(ends, CHEN) is None and ends.refused == 2
    (data / told_ends.FOLDER / told_ends.FILE).write_bytes(msgspec.msgpack.encode("no list"))
    assert since(ends, CHEN) is None and ends.refused == 3


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        told_ends.tell(tmp_path / "gone", ())
