"""`python -m loadtest.fuzz_process WHAT FOLDER …`: libFuzzer around one target, for `fuzz`; it ends the process."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=[
        "fusioncmd.alarm",
        "fusioncmd.floor",
        "fusioncmd.gazetteer",
        "fusioncmd.video",
        "fusioncmd.voice",
        "gateways.alarm",
        "gateways.radio",
        "gateways.video",
    ]
):
    from loadtest.fuzz_targets import TARGETS


def main() -> None:
    what, *given = sys.argv[1:]
    atheris.Setup([sys.argv[0], *given], TARGETS[what]())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
