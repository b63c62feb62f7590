"""ONNX models of a few layers, written as bytes: files for the slot, without a library that makes them.

Fields of onnx.proto3 by number; each message is `(number, value)` pairs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, TENSOR_FLOAT, INTS = 1, 1, 7
Value = int | bytes | str


def message(*fields: tuple[int, Value]) -> bytes:
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def mean_colour(
    sides: Sequence[int] = (1, 3, 32, 48), weights: Sequence[Sequence[float]] = (), sigmoid: bool = True
) -> bytes:
    """Smoke and fire, from the mean of red, green and blue: a pool, a matrix, and a sigmoid. `weights`: three rows of
    two; by default blue is smoke, and red fire. Without `sigmoid` what it says is no probability of all pictures."""
    weights = weights or ((-20, 20), (-20, -20), (20, -20))
    flat = [each for row in weights for each in row]
    nodes = [
        _node("GlobalAveragePool", ["picture"], "pooled"), _node("Flatten", ["pooled"], "flat"),
        _node("MatMul", ["flat", "weights"], "sums"), _node("Sigmoid" if sigmoid else "Identity", ["sums"], "out"),
    ]  # fmt: skip
    tensor = message(
        (1, 3), (1, len(weights[0])), (2, FLOAT), (8, "weights"), (9, struct.pack(f"<{len(flat)}f", *flat))
    )
    graph = message(
        *((1, node) for node in nodes), (2, "mean colour"), (5, tensor), (11, _value("picture", sides)),
        (12, _value("out", (1, len(weights[0])))),
    )  # fmt: skip
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))


def boxes(sides: Sequence[int] = (1, 3, 32, 48)) -> bytes:
    """One that finds: always the same two boxes, whatever it is shown."""
    found = [[12, 36], [8, 24], [24, 24], [16, 16], [1.0, 0.2], [0.1, 0.9]]  # 6 × 2
    flat = [each for row in found for each in row]
    ones = message((1, 1), (1, 6), (1, 2), (2, FLOAT), (8, "boxes"), (9, struct.pack("<12f", *flat)))
    shape = message((1, 3), (2, INTS), (8, "shape"), (9, struct.pack("<3q", 1, 1, 1)))
    column = message((1, 3), (1, 1), (2, FLOAT), (8, "column"), (9, struct.pack("<3f", 0, 0, 0)))
    nodes = [
        _node("GlobalAveragePool", ["picture"], "pooled"), _node("Flatten", ["pooled"], "flat"),
        _node("MatMul", ["flat", "column"], "nothing"), _node("Reshape", ["nothing", "shape"], "zero"),
        _node("Add", ["zero", "boxes"], "out"),
    ]  # fmt: skip
    graph = message(
        *((1, node) for node in nodes), (2, "boxes"), (5, ones), (5, shape), (5, column),
        (11, _value("picture", sides)), (12, _value("out", (1, 6, 2))),
    )  # fmt: skip
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))


def _node(kind: str, given: Sequence[str], made: str) -> bytes:
    return message(*((1, name) for name in given), (2, made), (3, f"{kind}-{made}"), (4, kind))


def _value(name: str, sides: Sequence[int]) -> bytes:
    shape = message(*((1, message((1, side) if side else (2, "any"))) for side in sides))
    return message((1, name), (2, message((1, message((1, TENSOR_FLOAT), (2, shape))))))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
