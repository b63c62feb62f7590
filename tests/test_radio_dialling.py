"""What a radio dials is a place, a group of one, a person or a radio; and lies in its own branch."""

from __future__ import annotations

import pytest

from fusioncmd.codes import Path
from fusioncmd.radios import Radio
from gateways.radio.dialling import Private, Talkgroup, check, dialled
from gateways.radio.sip_checks import Refused

OWN = Radio("duty-1", "440106", None, "duty", "0" * 64, "", 1)


@pytest.mark.parametrize(
    ("user", "meant"),
    [("440106001", Talkgroup(Path("440106001"), "")), ("44.01.06", Talkgroup(Path("440106"), "")),
     ("4401.flood", Talkgroup(Path("4401"), "flood")), ("44.01.flood-7", Talkgroup(Path("4401"), "flood-7")),
     ("*65537", Private(65_537, "")), ("duty-2", Private(None, "duty-2"))],
)  # fmt: skip
def test_what_is_dialled_is_read(user: str, meant: object) -> None:
    assert dialled(user) == meant


@pytest.mark.parametrize(
    "user", ["", "1", "12345", "4401.07", "4401.", ".x", "*", "*x", "4401.flood.x", "村", "a" * 40]
)
def test_what_is_nothing_is_not_found(user: str) -> None:
    with pytest.raises(Refused) as refused:
        dialled(user)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("code", "status"),
    [("44", 0), ("4401", 0), ("440106", 0), ("440106001", 0), ("440106001101", 0), ("440103", 403), ("4419", 403),
     ("440106999", 404), ("45", 403)],
)  # fmt: skip
def test_a_radio_dials_up_and_down_its_branch_and_not_sideways(code: str, status: int) -> None:
    try:
        check(OWN, Path(code), lambda path: path.code != "440106999")
    except Refused as refused:
        assert refused.status == status
    else:
        assert status == 0
