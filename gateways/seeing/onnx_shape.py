"""The shape that an ONNX model takes, read from its file: OpenCV runs models, and does not say it. Pure.

Of the format (protocol buffers, onnx.proto3) only the way there is read: model.graph (7), its inputs (11) and constants
(initializer, 5), and of an input name (1) and type (2): tensor (1), shape (2), dimensions (1), value (1).
"""

from __future__ import annotations

from collections.abc import Iterator

from fusioncmd.errors import BadInput

Value = int | memoryview


def input_shape(data: bytes) -> tuple[int, ...]:
    """Of the first input that is no constant; 0 for a side that is not fixed. BadInput for what is no such file."""
    try:
        for graph in _all(memoryview(data), 7):
            constants = {bytes(name) for constant in _all(graph, 5) for name in _all(constant, 8)}
            for given in _all(graph, 11):
                if next((bytes(name) for name in _all(given, 1)), b"") in constants:
                    continue
                shapes = (shape for kind in _all(given, 2) for tensor in _all(kind, 1) for shape in _all(tensor, 2))
                return tuple(_side(dimension) for shape in shapes for dimension in _all(shape, 1))
    except (IndexError, ValueError):
        pass
    raise BadInput("This is no ONNX model.", "不是 ONNX 模型文件。")


def _side(dimension: memoryview) -> int:
    return next((value for number, value in _fields(dimension) if number == 1 and isinstance(value, int)), 0)


def _all(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(data):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1:
                at += 8
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise ValueError
                yield key >> 3, data[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise ValueError


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError
