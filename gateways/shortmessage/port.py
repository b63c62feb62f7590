"""A serial line: the one place that knows pyserial. Bytes that came are told at once, and writing waits for nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import serial

from fusioncmd.errors import Unavailable
from fusioncmd.words import reason

READ_BYTES = 4_096
WRITE_BYTES_MAX = 16 * 1024  # that wait; shed: a line that takes nothing any more


class Port:
    """`heard` is called with what came; `lost` once, when the line is gone."""

    def __init__(self, name: str, speed: int, heard: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._heard, self._lost, self._loop = heard, lost, asyncio.get_running_loop()
        self._waiting = bytearray()
        try:
            self._line = serial.Serial(name, speed, timeout=0, write_timeout=0, exclusive=True)
        except (serial.SerialException, ValueError) as error:
            en, zh = reason(error) if isinstance(error, OSError) and error.errno else (str(error), str(error))
            raise Unavailable(f"{name} cannot be opened: {en}.", f"无法打开 {name}：{zh}。") from None
        self._fd = self._line.fileno()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._read)

    def write(self, data: bytes) -> None:
        if len(self._waiting) + len(data) > WRITE_BYTES_MAX:
            return self._end()
        if not self._waiting and data:
            self._loop.add_writer(self._fd, self._write)
        self._waiting += data

    def close(self) -> None:
        if self._line.is_open:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._line.close()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # the cable was pulled
            data = b""
        if data:
            self._heard(data)
        else:
            self._end()

    def _write(self) -> None:
        try:
            done = os.write(self._fd, self._waiting)
        except BlockingIOError:
            return
        except OSError:
            return self._end()
        del self._waiting[:done]
        if not self._waiting:
            self._loop.remove_writer(self._fd)

    def _end(self) -> None:
        if self._line.is_open:
            self.close()
            self._lost()
