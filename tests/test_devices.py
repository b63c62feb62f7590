"""Codes and names of devices: what was made is read again, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import devices, limits
from fusioncmd.devices import BadEnrolment, Loss, Record
from fusioncmd.errors import BadInput

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
NOW_S = 1_790_000_000
CODE = devices.make_code(0xC0FFEE, NOW_S + 3600, False, b"abcd", KEY)
RECORD = Record(bytes(8), 7, "ed25519", bytes(32), 1)


@given(
    number=st.integers(0, (1 << 32) - 1), valid_s=st.integers(60, limits.CODE_S_MAX), replaces=st.booleans(),
    entropy=st.binary(min_size=4, max_size=4),
)  # fmt: skip
def test_a_code_says_for_whom_and_until_when(number: int, valid_s: int, replaces: bool, entropy: bytes) -> None:
    code = devices.make_code(number, NOW_S + valid_s, replaces, entropy, KEY)
    read = devices.read_code(code, KEY, NOW_S)
    assert (read.number, read.replaces) == (number, replaces)
    assert 0 <= read.expires_s - (NOW_S + valid_s) < 60
    assert devices.is_ours(number, read.device, KEY)
    assert devices.code_from_text(devices.code_text(code)) == code


@pytest.mark.parametrize("at", range(devices.CODE_BYTES))
def test_a_code_with_one_bit_changed_is_not_ours(at: int) -> None:
    for bit in range(8):
        forged = bytearray(CODE)
        forged[at] ^= 1 << bit
        with pytest.raises(BadEnrolment, match="not one of ours"):
            devices.read_code(bytes(forged), KEY, NOW_S)


def test_a_code_of_another_tier_a_ticket_key_ago_or_too_late_is_refused() -> None:
    with pytest.raises(BadEnrolment, match="not one of ours"):
        devices.read_code(CODE, OTHER_KEY, NOW_S)
    with pytest.raises(BadEnrolment, match="expired"):
        devices.read_code(CODE, KEY, NOW_S + 3700)
    with pytest.raises(BadEnrolment, match="not one of ours"):
        devices.read_code(CODE[:-1], KEY, NOW_S)


def test_two_codes_for_one_person_enrol_two_devices() -> None:
    other = devices.make_code(0xC0FFEE, NOW_S + 3600, False, b"abce", KEY)
    assert devices.read_code(CODE, KEY, NOW_S).device != devices.read_code(other, KEY, NOW_S).device


def test_a_device_belongs_to_one_number() -> None:
    device = devices.read_code(CODE, KEY, NOW_S).device
    assert devices.is_ours(0xC0FFEE, device, KEY)
    assert not devices.is_ours(0xC0FFEF, device, KEY)
    assert not devices.is_ours(0xC0FFEE, device, OTHER_KEY)
    assert not devices.is_ours(0xC0FFEE, device[:-1] + bytes([device[-1] ^ 1]), KEY)
    assert not devices.is_ours(0xC0FFEE, device[:7], KEY)


def test_a_code_is_read_as_people_write_it() -> None:
    text = devices.code_text(CODE)
    assert len(text.split("-")) == 8 and {len(group) for group in text.split("-")} == {4}
    assert devices.code_from_text(f"  {text.lower().replace('-', ' ')} ") == CODE
    assert devices.code_from_text(text.replace("0", "O").replace("1", "l")) == CODE
    for bad in (text[:-1], text + "0", text[:-1] + "U", ""):
        with pytest.raises(BadEnrolment, match="32 letters and digits"):
            devices.code_from_text(bad)


def test_a_device_is_written_in_hexadecimal() -> None:
    assert devices.device_from_text(" 0123456789abcdef\n") == bytes.fromhex("0123456789abcdef")
    for bad in ("0123456789abcde", "0123456789abcdef00", "device"):
        with pytest.raises(BadInput, match="no device"):
            devices.device_from_text(bad)


def test_a_record_is_believed_when_a_node_wrote_it() -> None:
    packed = devices.pack(RECORD, KEY)
    assert devices.unpack(Record, packed, KEY) == RECORD
    loss = Loss(bytes(8), 7, 1)
    assert devices.unpack(Loss, devices.pack(loss, KEY), KEY) == loss
    for data, kind in ((packed, Loss), (devices.pack(loss, KEY), Record)):
        with pytest.raises(BadEnrolment):
            devices.unpack(kind, data, KEY)
    for at in range(len(packed)):
        forged = bytearray(packed)
        forged[at] ^= 1
        with pytest.raises(BadEnrolment):
            devices.unpack(Record, bytes(forged), KEY)


def test_devices_come_for_their_next_ticket_at_different_times() -> None:
    first, last = limits.DEVICE_RENEW_AFTER_S
    times = sorted(devices.renew_after_s(n.to_bytes(8, "big") * 1) for n in range(0, 1 << 20, 1001))
    assert first <= times[0] and times[-1] < last
    assert len(set(times)) > 900
