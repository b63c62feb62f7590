"""`python -m gateways.seeing.looking`: keyframes of all sources in, what is seen on them out.

A child of the gateway (`child.py`), with no way to the bus: what a camera sends may end it, and nothing else. One for
all sources, and one decoder for each codec: a keyframe stands for itself. Each source has a detector of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fusioncmd.errors import BadInput
from fusioncmd.words import sentence
from gateways.satellite.pieces import piece, pieces
from gateways.seeing.bounds import WATCHED_MAX
from gateways.seeing.classical import Classical
from gateways.seeing.detector import Detector
from gateways.seeing.grounds import one_thread
from gateways.seeing.model import read_model
from gateways.seeing.pictures import Keyframes, quiet
from gateways.seeing.words import LOOK_BYTES_MAX, READY, SAW, Look, Saw, encode, read_look


class Looking:
    """`make`: a detector for a source."""

    def __init__(self, make: Callable[[], Detector]) -> None:
        self._make = make
        self._detectors: dict[str, Detector] = {}
        self._keyframes = {codec: Keyframes(codec) for codec in ("H264", "VP8")}

    def look(self, asked: Look) -> Saw | None:
        if not asked.data:
            self._detectors.pop(asked.source, None)
            return None
        if asked.source not in self._detectors and len(self._detectors) >= WATCHED_MAX:
            return Saw(asked.source, None)
        detector = self._detectors.setdefault(asked.source, self._make())
        keyframes = self._keyframes[asked.codec]
        picture = keyframes.picture(asked.data, detector.size)
        seen = None if picture is None else detector.look(asked.at_s, picture)
        return Saw(asked.source, seen, (keyframes.still() or b"") if seen else b"")


def run(given: BinaryIO, told: BinaryIO, looking: Looking) -> None:
    """Until the input ends."""
    told.write(piece(READY))
    told.flush()
    for _, data in pieces(given, LOOK_BYTES_MAX):
        if (saw := looking.look(read_look(data))) is not None:
            told.write(piece(SAW, encode(saw)))
            told.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.seeing.looking", description=__doc__)
    parser.add_argument("--model", type=Path, help="ONNX: in place of the detector that ships (`model.py`)")
    model = parser.parse_args().model
    quiet()
    one_thread()
    try:
        make: Callable[[], Detector] = Classical if model is None else read_model(model.read_bytes())
    except BadInput as problem:
        sys.exit(sentence(problem))
    run(sys.stdin.buffer, sys.stdout.buffer, Looking(make))


if __name__ == "__main__":
    main()
