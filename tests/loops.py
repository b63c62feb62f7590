"""What lives on an event loop, beside tests that do not: a thread of its own for both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

T = TypeVar("T")
CALL_S_MAX = 20


class InThread(Generic[T]):
    """Enters `inside` in a thread, as a context; `call` runs a coroutine there."""

    def __init__(self, inside: AbstractAsyncContextManager[T]) -> None:
        self._inside = inside
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_S_MAX)

    def __enter__(self) -> T:
        self._thread.start()
        entered: T = self.call(self._inside.__aenter__())
        return entered

    def __exit__(self, *_: object) -> None:
        self.call(self._inside.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
