"""The verifier of the browser says what Python's says: of good orders, of forgeries, at every bound and spelling."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from fusioncmd import limits
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust.grants import credential
from fusioncmd.trust.refusals import REASONS
from loadtest.forgeries import CONTROLS, GOOD_MAX, KINDS, Attempt, Forger
from loadtest.offices import NOW_MS, sign_grant
from tests.test_trust_forge import STATEFUL
from tests.web_cases import Case, all_cases, verdict
from tests.web_engines import ENGINES, WEB

SEED, MUTANTS = 31, 3_000
BYTES_MAX = {"trust.js": 12_000}


@pytest.fixture(scope="module")
def judged() -> tuple[list[str], dict[str, object], list[dict[str, object]]]:
    """What the cases are called, what an engine is given, and what Python says of each."""
    forger = Forger(SEED)
    cases = all_cases(forger, MUTANTS)
    roots = [msgspec.msgpack.encode(forger.offices.root_grant).hex()]
    given: dict[str, object] = {"cases": [case.plain() for case in cases], "roots": roots}
    return [case.name for case in cases], given, [verdict(forger, case) for case in cases]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_verdict_and_every_reason_is_the_same(
    engine: str, judged: tuple[list[str], dict[str, object], list[dict[str, object]]], tmp_path: Path
) -> None:
    names, given, wanted = judged
    found = ENGINES[engine](given, tmp_path)
    assert len(found) == len(wanted), found[:1]
    differing = [(name, f, w) for name, f, w in zip(names, found, wanted, strict=True) if f != w]
    assert not differing, (len(differing), differing[:3])
    accepted = Counter(name for name, f in zip(names, found, strict=True) if "order" in f)
    assert not accepted.keys() & KINDS.keys()  # no forgery
    assert all(accepted[name] == GOOD_MAX for name in CONTROLS)  # every good one


def test_the_cases_come_to_every_reason_that_bytes_can_have(
    judged: tuple[list[str], dict[str, object], list[dict[str, Any]]],
) -> None:
    reasons = Counter(w["reason"] for w in judged[2] if "reason" in w)
    assert set(reasons) == set(REASONS) - STATEFUL


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize(
    ("roots", "reason"),
    [([], "root"), (["90"], "bytes"), (["stranger"], "root"), (["forged"], "signature"), (["leaf"], "root")],
)
def test_without_a_root_that_holds_nothing_is_believed(
    engine: str, roots: list[str], reason: str, tmp_path: Path
) -> None:
    forger = Forger(SEED)
    root, stranger = (msgspec.msgpack.encode(one.root_grant) for one in (forger.offices, forger.stranger))
    signer = forger.offices.root.signer
    alone = sign_grant(replace(forger.offices.root.grant, may_delegate=False, statuses=("exercise",)), signer)
    leaf = msgspec.msgpack.encode(alone)
    named = {"leaf": leaf.hex(), "stranger": stranger.hex(), "forged": (root[:-1] + bytes([root[-1] ^ 1])).hex()}
    own = forger.offices.sealed(credential(signer, (alone,)))  # signed by the root that may not grant, itself
    case = Case("good", Attempt(own if roots == ["leaf"] else forger.good[0].data, NOW_MS))
    given: dict[str, object] = {"cases": [case.plain()], "roots": [named.get(name, name) for name in roots]}
    assert ENGINES[engine](given, tmp_path) == [{"reason": reason}]


def test_the_bounds_in_the_modules_are_those_of_the_code() -> None:
    text = (WEB / "trust.js").read_text("utf-8") + (WEB / "forms.js").read_text("utf-8")
    for name, value in {
        "SEALED_BYTES_MAX": limits.SEALED_BYTES_MAX, "STATEMENT_BYTES_MAX": limits.STATEMENT_BYTES_MAX,
        "ORDER_BYTES_MAX": limits.ORDER_BYTES_MAX, "GRANT_BYTES_MAX": limits.GRANT_BYTES_MAX,
        "CHAIN_GRANTS_MAX": limits.CHAIN_GRANTS_MAX, "APPROVALS_MAX": limits.APPROVALS_MAX,
        "ROOTS_MAX": limits.ROOTS_MAX, "OPEN_S_MAX": limits.ORDER_OPEN_S_MAX,
        "CLOCK_APART_MS_MAX": CLOCK_APART_MS_MAX, "CLOCK_SKEW_MS_MAX": limits.CLOCK_SKEW_MS_MAX,
    }.items():  # fmt: skip
        assert f"{name} = {value}" in text, name
    assert limits.DEADLINE_S_MAX == limits.ORDER_OPEN_S_MAX  # one bound for all three there


def test_the_modules_are_small_import_only_one_another_and_are_installed() -> None:
    files = sorted(WEB.glob("*.js"))
    assert [file.name for file in files] == ["canonical.js", "forms.js", "trust.js"]
    for file in files:
        text = file.read_text("utf-8")
        assert len(text.encode()) < BYTES_MAX.get(file.name, 6_000) and len(text.splitlines()) <= 250
        assert all('from "./' in line for line in text.splitlines() if line.startswith("import "))
    assert '"web/*.js"' in (WEB.parent.parent / "pyproject.toml").read_text("utf-8")
