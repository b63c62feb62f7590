"""What people write for a link, as numbers: "300ms", "1%", "256kbit", "64kB", "127.0.0.1:7001". Pure."""

from __future__ import annotations

import re

from fusioncmd.errors import BadInput

MS = 1_000_000  # in nanoseconds, which the link reckons in: whole numbers, so that times are exact
S = 1_000 * MS
PORT_MAX = 65_535
_TIMES_NS = {"us": MS // 1_000, "ms": MS, "s": S, "": S, "m": 60 * S, "min": 60 * S, "h": 3_600 * S}
_RATES = {"bit": 1, "kbit": 1_000, "mbit": 1_000_000, "gbit": 1_000_000_000}
_SIZES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1 << 10, "mib": 1 << 20}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)


def time_ns(text: str) -> int:
    """ "300ms", "3.2s", "2m"; a bare number is seconds."""
    return _read(text, _TIMES_NS, "a time, such as 300ms or 5s", "时间，例如 300ms 或 5s")


def rate_bps(text: str) -> int:
    """Bits a second, in thousands as networks count them: "256kbit", "2mbit"."""
    rate = _read(text, _RATES, "a rate, such as 256kbit or 2mbit", "速率，例如 256kbit 或 2mbit")
    if rate == 0:
        raise BadInput("A rate of nothing is a cut: use --cut.", "速率为零即断链：请用 --cut。")
    return rate


def size_bytes(text: str) -> int:
    return _read(text, _SIZES, "a size, such as 64kB or 64KiB", "大小，例如 64kB 或 64KiB")


def share(text: str) -> float:
    """ "1%" or "0.01", below one."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if rest or not 0 <= value < 1:
        raise BadInput(
            f"“{text}” is not a share below 100 %, such as 1% or 0.01; for all of it, use --cut.",
            f"“{text}”不是小于 100% 的比例，例如 1% 或 0.01；若要全部丢弃，请用 --cut。",
        )
    return value


def address(text: str) -> tuple[str, int]:
    """ "127.0.0.1:7001", "[::1]:7001", "name:7001"."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= PORT_MAX):
        raise BadInput(
            f"“{text}” is not an address and a port, such as 127.0.0.1:7001.",
            f"“{text}”不是地址和端口，例如 127.0.0.1:7001。",
        )
    return host, int(port)


def time_text(ns: int) -> str:
    """The shortest that `time_ns` reads back as the same."""
    whole, part = divmod(ns, S)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".") + "s"


def _read(text: str, units: dict[str, int], en: str, zh: str) -> int:
    match = _QUANTITY.fullmatch(text.strip().lower())
    if match is None or match[2] not in units:
        raise BadInput(f"“{text}” is not {en}.", f"“{text}”不是{zh}。")
    return round(float(match[1]) * units[match[2]])
