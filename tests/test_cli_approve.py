"""Approving with output that nobody reads to its end: nothing is signed, and the status says so."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os

import typer

from fusioncmd import api
from fusioncmd.cli import proposals, shell
from tests.worlds import make_order, sealed

async def go():
    order = make_order(status="actual")
    proposal = api.Proposal(order, sealed(order), 12, 3, 3600)
    proposals.tell_before_signing(proposal, order, shell.load_divisions(None))
    raise SystemExit(9)

try:
    shell.run(go(), False)
except typer.Exit as end:
    os._exit(40 + end.exit_code)
"""
NOT_SENT = 41  # status 1


def test_an_order_that_could_not_be_shown_is_not_signed_and_the_status_is_not_0() -> None:
    """As in `approve … 2>&1 | head`: the order is shown on standard error."""
    reads, writes = os.pipe()
    os.close(reads)
    try:
        for out in (writes, subprocess.PIPE):
            done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=out, stderr=writes, check=False)
            assert done.returncode == NOT_SENT
    finally:
        os.close(writes)
