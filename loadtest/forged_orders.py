"""Attempts on the order and its bytes: broken, changed, signed by the wrong key, at another time, spelled otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from fusioncmd import ids, limits
from fusioncmd.messages import Order, Selector, Status, encode
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust import statements
from loadtest.forgeries import Attempt, Forger, Good, kind, pack, resealed, unpack, with_seal
from loadtest.offices import BOTH, DAY_MS, NOW_MS

# --- bytes


@kind("bits flipped")
def bits_flipped(forger: Forger) -> Attempt:
    data = bytearray(forger.pick().data)
    for bit in {forger.rng.randrange(len(data) * 8) for _ in range(forger.rng.choice((1, 1, 1, 2, 8)))}:
        data[bit // 8] ^= 1 << bit % 8
    return Attempt(bytes(data))


@kind("a byte overwritten")
def byte_overwritten(forger: Forger) -> Attempt:
    data = bytearray(forger.pick().data)
    at = forger.rng.randrange(len(data))
    data[at] = (data[at] + forger.rng.randrange(1, 256)) % 256
    return Attempt(bytes(data))


@kind("cut off")
def cut_off(forger: Forger) -> Attempt:
    data = forger.pick().data
    return Attempt(data[: forger.rng.randrange(len(data))])


@kind("bytes added", "bytes")
def bytes_added(forger: Forger) -> Attempt:
    return Attempt(forger.pick().data + forger.rng.randbytes(forger.rng.randrange(1, 40)))


@kind("a piece left out or doubled")
def piece_left_out(forger: Forger) -> Attempt:
    data, rng = forger.pick().data, forger.rng
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, 64))
    return Attempt(data[:start] + rng.choice((b"", 2 * data[start:end])) + data[end:])


@kind("two orders spliced")
def spliced(forger: Forger) -> Attempt:
    one, other = forger.rng.sample(forger.good, 2)
    at = forger.rng.randrange(1, min(len(one.data), len(other.data)) - 1)
    made = one.data[:at] + other.data[at:]
    return Attempt(made if made not in (one.data, other.data) else made[:-1])


@kind("noise", "bytes", "size")
def noise(forger: Forger) -> Attempt:
    return Attempt(forger.rng.randbytes(forger.rng.choice((0, 1, 40, 1_000, limits.SEALED_BYTES_MAX + 1))))


# --- fields changed, the signature kept


def _changed(forger: Forger, good: Good) -> Order:
    rng, order = forger.rng, good.order
    other = {"actual": "exercise", "exercise": "actual"}[order.status]
    changes: list[dict[str, Any]] = [
        {"status": other}, {"text": order.text + "！"}, {"audience": Selector(("44",))}, {"node": "44"},
        {"id": rng.randbytes(16)}, {"issued_ms": order.issued_ms + rng.choice((-1, 1, 60_000))},
        {"open_s": order.open_s + 1}, {"issuer": "Li Na"}, {"severity": "minor"}, {"answers": (*order.answers, "no")},
        {"msg_type": "cancel" if order.msg_type != "cancel" else "alert"}, {"refs": rng.randbytes(16)},
    ]  # fmt: skip
    return replace(order, **rng.choice(changes))


@kind("a field changed", "signature")
def field_changed(forger: Forger) -> Attempt:
    good = forger.pick()
    return Attempt(pack(replace(unpack(good.data), body=encode(_changed(forger, good)))))


@kind("exercise turned actual", "signature")
def turned_actual(forger: Forger) -> Attempt:
    good = next(g for g in forger.rng.sample(forger.good, len(forger.good)) if g.order.status == "exercise")
    return Attempt(pack(replace(unpack(good.data), body=encode(replace(good.order, status="actual")))))


@kind("another order's body", "signature")
def another_body(forger: Forger) -> Attempt:
    one, other = forger.rng.sample(forger.good, 2)
    return Attempt(pack(replace(unpack(one.data), body=unpack(other.data).body)))


# --- signed properly, by a key that may not


def _signed(forger: Forger, mode: Status | None = None, **changes: Any) -> Attempt:
    chosen: Status = mode if mode is not None else forger.rng.choice(BOTH)
    own = forger.offices.people[chosen, "Chen Wei"]
    return Attempt(resealed(encode(forger.offices.order(own, **changes)), own))


@kind("an actual order by an exercise key", "mode")
def wrong_mode(forger: Forger) -> Attempt:
    mode, other = forger.rng.sample(BOTH, 2)
    return _signed(forger, mode, status=other)


@kind("scope widened", "scope")
def scope_widened(forger: Forger) -> Attempt:
    wide: list[dict[str, Any]] = [
        {"audience": Selector(("44",))},
        {"audience": Selector(("4401", "4406"))},
        {"node": "44"},
        {"node": "4406"},
    ]
    return _signed(forger, **forger.rng.choice(wide))


@kind("in another's name", "issuer")
def another_name(forger: Forger) -> Attempt:
    return _signed(forger, issuer=forger.rng.choice(("Li Na", "Guangzhou Office", "Chen Wei ", "chen wei")))


@kind("an order of another form", "form")
def another_form(forger: Forger) -> Attempt:
    ident = forger.rng.randbytes(16)
    forms: list[dict[str, Any]] = [
        {"text": "实战\u202e练演"}, {"text": " \n"}, {"answers": ("here", "here")}, {"refs": ident},
        {"root": ident}, {"msg_type": "update", "answers": ()}, {"receive_within_s": 601},
        {"msg_type": "cancel", "refs": ident, "root": ident},
        {"open_s": 599}, {"text": "\x1b[2J"},
    ]  # fmt: skip
    return _signed(forger, **forger.rng.choice(forms))


@kind("an order with a code that is none", "bytes")
def no_code(forger: Forger) -> Attempt:
    forms: list[dict[str, Any]] = [
        {"node": "4401\n"}, {"audience": Selector(("4401", "4401０６"))},
        {"audience": Selector(("4401",), (), ("4401\n",))},
    ]  # fmt: skip
    return _signed(forger, **forger.rng.choice(forms))


@kind("spelled otherwise, and signed so", "bytes")
def spelled_otherwise(forger: Forger) -> Attempt:
    own = forger.offices.people["exercise", "Chen Wei"]
    body = encode(forger.offices.order(own))
    pairs = list(msgspec.msgpack.decode(body).items())
    choice = forger.rng.randrange(5)
    if choice == 0:  # twice: who reads the first sees an actual order
        pairs.insert(0, ("status", "actual"))
    elif choice == 1:
        pairs.append(("status_shown", "actual"))
    elif choice == 2:
        forger.rng.shuffle(pairs)
        pairs.sort(key=lambda pair: pair[0] == "kind")
    spelled = bytes([0xDE, 0, len(pairs)]) + b"".join(msgspec.msgpack.encode(p) for pair in pairs for p in pair)
    if choice == 3:  # a short string with a longer length than it needs
        spelled = spelled.replace(b"\xa8exercise", b"\xd9\x08exercise")
    elif choice == 4:
        spelled += b"\xc0"
    return Attempt(resealed(spelled, own))


# --- time


@kind("replayed after its end", "expired")
def replayed(forger: Forger) -> Attempt:
    good = forger.pick()
    open_s = limits.ORDER_OPEN_S_MAX if good.order.msg_type == "cancel" else good.order.open_s
    return Attempt(good.data, good.order.issued_ms + open_s * 1000 + forger.rng.randrange(400 * DAY_MS))


@kind("dated ahead", "future")
def dated_ahead(forger: Forger) -> Attempt:
    at_ms = NOW_MS + limits.CLOCK_SKEW_MS_MAX + 1 + forger.rng.randrange(30 * DAY_MS)
    return _signed(forger, issued_ms=at_ms, id=ids.make(at_ms, forger.rng.randbytes(10)))


@kind("re-dated, with the number that it had", "id_time")
def redated(forger: Forger) -> Attempt:
    apart = CLOCK_APART_MS_MAX + 1 + forger.rng.randrange(DAY_MS)
    return _signed(forger, id=ids.make(NOW_MS + forger.rng.choice((-1, 1)) * apart, forger.rng.randbytes(10)),
                   issued_ms=NOW_MS)  # fmt: skip


@kind("outside the validity of its key", "validity")
def outside_validity(forger: Forger) -> Attempt:
    own = forger.offices.people["actual", "Chen Wei"]
    before = own.grant.not_before_ms - 1 - forger.rng.randrange(DAY_MS)
    after = own.grant.not_after_ms + 1 + forger.rng.randrange(DAY_MS)
    at_ms = forger.rng.choice((before, after))
    order = forger.offices.order(own, issued_ms=at_ms, id=ids.make(at_ms, forger.rng.randbytes(10)))
    return Attempt(resealed(encode(order), own), at_ms)


# --- the signature itself


@kind("signed for another purpose", "signature")
def another_purpose(forger: Forger) -> Attempt:
    good = forger.pick()
    body = encode(good.order)
    for_what: Any = forger.rng.choice(("approve", "grant", "node", "revoke", "heartbeat"))
    return Attempt(with_seal(unpack(good.data), signature=statements.seal(for_what, body, good.own).signature))


@kind("s + L", "signature")
def malleable(forger: Forger) -> Attempt:
    """RFC 8032, 5.1.7: the same point, another spelling of the scalar."""
    group = 2**252 + 27742317777372353535851937790883648493
    sealed = unpack(forger.pick().data)
    s = int.from_bytes(sealed.seal.signature[32:], "little") + group
    return Attempt(with_seal(sealed, signature=sealed.seal.signature[:32] + s.to_bytes(32, "little")))


@kind("a signature of another length", "signature", "bytes")
def another_length(forger: Forger) -> Attempt:
    sealed = unpack(forger.pick().data)
    return Attempt(
        with_seal(sealed, signature=(sealed.seal.signature + bytes(64))[: forger.rng.choice((0, 63, 65, 128))])
    )


@kind("another algorithm named", "algorithm", "bytes")
def another_algorithm(forger: Forger) -> Attempt:
    name = forger.rng.choice(("none", "Ed25519", "ed448", "sm2", "", "hmac", "ed25519 "))
    return Attempt(with_seal(unpack(forger.pick().data), algorithm=name))
