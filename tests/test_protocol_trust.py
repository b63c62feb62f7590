"""What PROTOCOL.md says of genuine orders is what the code does: its vectors, reasons, bounds and verifier."""

from __future__ import annotations

import base64
import re
import types
from collections.abc import Callable

import msgpack
import msgspec
import pytest

from fusioncmd import limits, terminal
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import REASONS, Untrusted
from fusioncmd.trust.revocations import Revocations
from loadtest.forgeries import CONTROLS, KINDS, Forger
from loadtest.offices import Offices
from tests.test_protocol_doc import PAGE, ROWS, blocks
from tests.test_trust_forge import STATEFUL

OFFICES = Offices(1)
SECTION = PAGE[PAGE.index("## 10.") : PAGE.index("## 11.")]
BLOCKS = blocks("hex-trust")
VECTORS = [row for row in ROWS if row[0].isdigit() and row[1] in ("`sealed`", "`approved`")]
DELIVERED = terminal.decode_to_terminal(blocks("hex")["Deliver"])
# Rules that the terminal in the page does not have, and says so; nor does it hear of what was revoked.
LEFT_OUT = {"an order of another form", "an order with a code that is none", "revoked", "approved by a revoked key"}
CAUGHT = re.search(r"except (\(InvalidSignature.*?\)) as problem", PAGE)


def sealed(name: str) -> bytes:
    assert isinstance(DELIVERED, terminal.Deliver)
    return DELIVERED.sealed if name == "`sealed`" else BLOCKS["approved"]


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_every_vector_has_the_verdict_that_the_page_gives(row: list[str]) -> None:
    data = bytearray(sealed(row[1]))
    if row[2] != "none":
        at, value = row[2].split(": ")
        data[int(at)] = int(value, 16)
    try:
        found = seals.verify(bytes(data), OFFICES.anchors, Revocations(OFFICES.anchors), int(row[0]))
    except Untrusted as problem:
        assert row[3] == f"`{problem.reason}`"
        return
    approvals = "".join(f", approved by {chain.leaf.holder}" for chain in found.approvals)
    assert row[3] == f"genuine, by {found.signer.leaf.holder}{approvals}"


def test_the_vectors_are_those_of_the_seed_and_go_both_ways() -> None:
    own, other = (OFFICES.people["exercise", name] for name in ("Chen Wei", "Li Na"))
    _, body = seals.claimed(sealed("`sealed`"))
    assert seals.seal(body, own) == sealed("`sealed`")
    assert seals.approve(sealed("`sealed`"), other) == BLOCKS["approved"]
    assert msgspec.msgpack.encode(OFFICES.root_grant) == BLOCKS["root"]
    for name in (OFFICES.root.name, OFFICES.province.name, OFFICES.city.name, own.name):
        assert f"| `{name.hex(' ')}` |" in SECTION
    verdicts = {row[3] for row in VECTORS}
    assert len(VECTORS) >= 16 and len([v for v in verdicts if v.startswith("genuine")]) == 2
    assert {"`signature`", "`bytes`", "`chain`", "`root`", "`future`", "`expired`", "`algorithm`"} <= verdicts


def test_the_reasons_in_the_page_are_those_that_the_bytes_of_an_order_can_have() -> None:
    rules = SECTION[SECTION.index("**The rules.**") : SECTION.index("**Now**")]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", rules, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == set(REASONS) - STATEFUL - {"revoked"}


@pytest.mark.parametrize(
    "said",
    [
        f"at most {limits.SEALED_BYTES_MAX:,} bytes; body at most {limits.ORDER_BYTES_MAX:,}",
        f"at most {limits.APPROVALS_MAX} approvals", f"down to `by`: at most {limits.CHAIN_GRANTS_MAX}",
        f"at most {limits.GRANT_BYTES_MAX} bytes", f"`holder` is 1 to {limits.ISSUER_CHARS_MAX} characters",
        f"`key` 16 to {limits.PUBLIC_KEY_BYTES_MAX} bytes", f"more than {CLOCK_APART_MS_MAX:,} ms apart",
        f"more than {limits.CLOCK_SKEW_MS_MAX:,} ms after now", f"`issued_ms` + {limits.ORDER_OPEN_S_MAX * 1000:,}",
    ],
)  # fmt: skip
def test_the_bounds_of_the_page_are_those_of_the_code(said: str) -> None:
    assert said in SECTION


class Believing:
    """The page's own verifier, as its terminal calls it, for a province of `seed`."""

    def __init__(self, seed: int) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        assert CAUGHT is not None
        code = code[: code.index("def send")]
        root = base64.urlsafe_b64encode(msgspec.msgpack.encode(Offices(seed).root_grant)).decode()
        module = types.ModuleType("terminal_of_the_page")
        argv = ["terminal.py", "ws://127.0.0.1:1/terminal", "", root]
        exec(code.replace("sys.argv", repr(argv)), module.__dict__)
        self._verify: Callable[[bytes, int], object] = module.__dict__["verify"]
        self._caught: tuple[type[Exception], ...] = eval(CAUGHT.group(1), module.__dict__)

    def __call__(self, data: bytes, now_ms: int) -> bool:
        """Nothing else may be raised: the terminal would end."""
        try:
            return self._verify(data, now_ms) is not None
        except self._caught:
            return False


def test_the_terminal_in_the_page_believes_what_is_good_and_no_forgery() -> None:
    forger, believes = Forger(7), Believing(7)
    for spell in CONTROLS.values():
        assert all(believes(spell(good), attempt_ms) for good in forger.good for attempt_ms in (good.order.issued_ms,))
    kinds = [kind for name, kind in KINDS.items() if name not in LEFT_OUT]
    assert len(kinds) == len(KINDS) - len(LEFT_OUT)
    for n in range(3_000):
        forger.renew(n)
        kind = kinds[n % len(kinds)]
        attempt = kind.make(forger)
        assert not believes(attempt.data, attempt.now_ms), (kind.name, attempt.data.hex())


def test_the_terminal_in_the_page_judges_the_vectors_as_the_page_says() -> None:
    believes = Believing(1)
    for row in VECTORS:
        data = bytearray(sealed(row[1]))
        if row[2] != "none":
            at, value = row[2].split(": ")
            data[int(at)] = int(value, 16)
        assert believes(bytes(data), int(row[0])) == row[3].startswith("genuine"), row
    assert not believes(msgpack.packb([]), 0) and not believes(b"", 0) and not believes(b"\xc1", 0)
