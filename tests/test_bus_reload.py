"""A NATS server that reads its file again refuses good keys for a moment; a wrong key is refused all the same."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BusRefused

INFO = b'INFO {"server_id":"S","version":"2.15.0","headers":true,"max_payload":1048576,"nonce":"bm9uY2U"}\r\n'


@pytest.mark.parametrize(("refusals", "comes_in"), [(2, True), (3, False)])
async def test_a_refusal_or_two_are_tried_again_and_a_third_is_believed(
    tmp_path: Path, refusals: int, comes_in: bool
) -> None:
    came = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came += 1
        writer.write(INFO)
        await reader.readline()  # CONNECT
        writer.write(b"-ERR 'Authorization Violation'\r\n" if came <= refusals else b"PONG\r\n")
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            while came > refusals and await reader.readline():
                writer.write(b"PONG\r\n")
        writer.close()

    users.ensure(tmp_path, "gw-1", "gateway", "4401")
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        coming = open_bus(url, "gw-1", key=users.seed_file(tmp_path, "gw-1"), gateway=True)
        if comes_in:
            await (await coming).close()
        else:
            with pytest.raises(BusRefused, match="does not take the key of gw-1"):
                await coming
        assert came == 3
