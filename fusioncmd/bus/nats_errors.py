"""What nats-py raises, told as our own problems. Nothing beyond `fusioncmd.bus` sees a foreign error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError, NoStreamResponseError

from fusioncmd.errors import BusDown, Conflict, NoReply, Problem, StorageFull, Unavailable

WRONG_LAST_SEQUENCE = 10071
STORAGE_ERRORS = {10023, 10047, 10077, 10122, 10167}  # resources, storage, max bytes (nats-server errors.json)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise _problem(error) from None
    except (NoStreamResponseError, NoRespondersError):
        raise BusDown("Nobody answers on the bus yet.", "总线上暂无应答。") from None
    except TimeoutError:  # nats-py's is one, too
        raise NoReply("No reply came in time.", "未及时收到应答。") from None
    except (NatsError, OSError) as error:
        raise BusDown(f"The bus does not answer ({error}).", f"总线没有应答（{error}）。") from None


def _problem(error: APIError) -> Problem:
    said = error.description or str(error)
    if error.err_code == WRONG_LAST_SEQUENCE:
        return Conflict(f"Somebody else wrote first ({said}).", f"已被他人先行写入（{said}）。")
    if error.err_code in STORAGE_ERRORS or "maximum" in said or "insufficient" in said:
        return StorageFull(f"The store is full: {said}.", f"存储已满：{said}。")
    return Unavailable(f"JetStream refuses: {said}.", f"JetStream 拒绝：{said}。")
