"""A detector that was learned: any ONNX model of this shape, run by OpenCV, in place of the one that ships.

In: one tensor `1 × 3 × H × W`, float32, RGB from 0 to 1; H and W fixed in the file. The picture is put into it whole,
from the upper left, in its proportions, the rest grey (0.447). Out: one tensor, of probabilities: `1 × 2` (smoke, fire)
of a model that classifies, or `1 × 6 × N` of one that finds: middle x, middle y, width, height in pixels of the input,
then smoke and fire, for each of N boxes, as YOLO's exports have it.

One picture proves nothing: what is said is the mean of the last `KEPT` pictures, so a model may be wrong now and then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from fusioncmd.errors import BadInput
from gateways.seeing.bounds import MODEL_BYTES_MAX
from gateways.seeing.detector import Detector, Event, Field, Picture, Seen
from gateways.seeing.onnx_shape import input_shape

KEPT = 4  # pictures
SIDE_MAX = 1_536
GREY = 0.447
EVENTS: tuple[Event, Event] = ("smoke", "fire")
WHOLE = (0.0, 0.0, 1.0, 1.0)


class Model:
    """Of one source; the network is shared."""

    def __init__(self, network: cv2.dnn.Net, width: int, height: int) -> None:
        self._network, self._width, self._height = network, width, height
        self._last: deque[dict[Event, Seen]] = deque(maxlen=KEPT)

    def size(self, width: int, height: int) -> tuple[int, int]:
        part = min(self._width / width, self._height / height)
        return max(1, round(width * part)), max(1, round(height * part))

    def look(self, at_s: float, picture: Picture) -> list[Seen] | None:
        """None of a picture of which it says nothing that is a probability: no picture is to blame for that."""
        high, wide = picture.shape[:2]
        field = np.full((1, 3, self._height, self._width), GREY, np.float32)
        field[0, :, :high, :wide] = picture.transpose(2, 0, 1).astype(np.float32) / 255
        self._network.setInput(field)
        try:
            self._last.append(_read(self._network.forward(), wide, high))
        except BadInput:
            return None
        out = []
        for event in EVENTS:
            found = [each[event] for each in self._last if event in each]
            score = sum(each.score for each in found) / KEPT
            if found and score > 0:
                out.append(Seen(event, found[-1].box, min(1.0, score)))
        return sorted(out, key=lambda each: -each.score)


def read_model(data: bytes) -> Callable[[], Detector]:
    """What makes detectors of it, one a source. BadInput for what is no such model; it is run once to know."""
    if len(data) > MODEL_BYTES_MAX:
        raise BadInput("The model is too large.", "模型文件过大。")
    shape = input_shape(data)
    if len(shape) != 4 or shape[:2] != (1, 3) or not all(32 <= side <= SIDE_MAX for side in shape[2:]):
        takes = " × ".join(map(str, shape)) or "-"
        raise BadInput(
            f"The model takes {takes}; 1 × 3 × height × width is needed, in figures.",
            f"模型输入为 {takes}；须为固定的 1 × 3 × 高 × 宽。",
        )
    height, width = shape[2:]
    try:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        network.setInput(np.zeros((1, 3, height, width), np.float32))
        _read(network.forward(), width, height)
    except cv2.error as error:
        words = str(error).strip().splitlines()[-1][:200]
        raise BadInput(f"OpenCV cannot run this model: {words}", f"OpenCV 无法运行该模型：{words}") from None
    return lambda: Model(network, width, height)


def _read(out: Field, wide: int, high: int) -> dict[Event, Seen]:
    """The surest of each event. BadInput for another shape, or for what is no probability."""
    field = np.asarray(out, np.float32)
    if field.shape == (1, 2):
        scores, boxes = field[0], (WHOLE, WHOLE)
    elif field.ndim == 3 and field.shape[:2] == (1, 6) and field.shape[2]:
        best = field[0, 4:].argmax(axis=1)
        scores = field[0, 4:].max(axis=1)
        boxes = tuple(_box(field[0, :4, at], wide, high) for at in best)  # type: ignore[assignment]
    else:
        raise BadInput(
            f"The model gives {field.shape}; (1, 2) or (1, 6, N) is needed.",
            f"模型输出为 {field.shape}；须为 (1, 2) 或 (1, 6, N)。",
        )
    if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1.001).all()):
        raise BadInput("The model gives no probabilities of 0 to 1.", "模型输出不是 0 至 1 的概率。")
    return {event: Seen(event, boxes[n], min(1.0, float(scores[n]))) for n, event in enumerate(EVENTS)}


def _box(found: Field, wide: int, high: int) -> tuple[float, float, float, float]:
    x, y, width, height = np.nan_to_num(found)
    left, right = (float(np.clip((x + side * width / 2) / wide, 0, 1)) for side in (-1, 1))
    top, bottom = (float(np.clip((y + side * height / 2) / high, 0, 1)) for side in (-1, 1))
    return left, top, right, bottom
