"""One system call for as many sockets as there are: io_uring(7), as little of it as that takes.

All that is asked for is done before the call returns: nothing is ever under way, so there are no callbacks, and no
buffer has to outlive its call. A binding that asks for each socket with a call of its own would take a good part of
what this saves; here columns of numbers are written into the kernel's queue at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from array import array
from collections.abc import Sequence
from typing import NamedTuple

SEND, RECV = 26, 27  # linux/io_uring.h, enum io_uring_op
DONTWAIT, NOSIGNAL = 0x40, 0x4000  # send(2), recv(2)
TRIES_MAX = 1000  # of a call that was interrupted, or found no memory
_SETUP, _ENTER = 425, 426  # syscalls(2), x86-64 and ARM64
_SUBMIT_ALL = 1 << 7  # go on after one that failed (Linux 5.18; older ones refuse the flag)
_GETEVENTS = 1
_ENTRIES_AT = 0x10000000  # IORING_OFF_SQES, an offset for mmap(2)
_ENTRY, _RESULT = 64, 16  # bytes of struct io_uring_sqe and of io_uring_cqe
_AGAIN = (errno.EINTR, errno.EAGAIN, errno.EBUSY, errno.ENOMEM)
_ALL = 0xFFFFFFFF  # queues count in 32 bits
_libc = ctypes.CDLL(None, use_errno=True)


class _Queue(NamedTuple):
    """Where a queue's numbers are, in units of 32 bits, and how many entries it has."""

    head: int
    tail: int
    entries: int


class _Parameters(ctypes.Structure):
    """struct io_uring_params: what is asked for, and where the kernel put things."""

    _fields_ = [
        ("submissions", ctypes.c_uint32),
        ("completions", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("_unused", ctypes.c_uint32 * 7),
        ("of_submissions", ctypes.c_uint32 * 10),  # head, tail, mask, entries, flags, dropped, array, …
        ("of_completions", ctypes.c_uint32 * 10),  # head, tail, mask, entries, overflow, entries themselves, …
    ]


class Ring:
    """Does one `operation` for up to `entries` sockets, a power of two, each with its buffer. Little-endian machines.

    `OSError` where the kernel, its administrator or a sandbox does not allow it.
    """

    def __init__(self, operation: int, entries: int) -> None:
        asked = _Parameters(flags=_SUBMIT_ALL)
        self._fd = _call(_SETUP, entries, ctypes.byref(asked))
        with contextlib.ExitStack() as held:
            held.callback(os.close, self._fd)
            self._held = held
            self._lay_out(operation, asked)
            self._held = held.pop_all()

    def _lay_out(self, operation: int, asked: _Parameters) -> None:
        """Find the queues in the memory that is shared with the kernel, and fill in what stays the same."""
        sub, com, count = asked.of_submissions, asked.of_completions, asked.submissions
        indices_end, results_end = sub[6] + 4 * count, com[5] + _RESULT * asked.completions
        queues = self._mapped(max(indices_end, results_end), 0)
        self._numbers = self._hold(queues.cast("I"))
        self._indices = self._hold(queues[sub[6] : indices_end].cast("I"))
        self._results = self._hold(queues[com[5] : results_end].cast("i"))
        self._submitted = _Queue(sub[0] // 4, sub[1] // 4, count)
        self._completed = _Queue(com[0] // 4, com[1] // 4, asked.completions)
        self._order = array("I", range(count))
        asks = self._mapped(_ENTRY * count, _ENTRIES_AT)
        words, longs = self._hold(asks.cast("I")), self._hold(asks.cast("Q"))
        self._sockets, self._sizes = self._hold(words[1::16]), self._hold(words[6::16])
        self._addresses = self._hold(longs[2::8])
        words[0::16] = array("I", [operation]) * count
        words[7::16] = array("I", [DONTWAIT | NOSIGNAL]) * count
        longs[4::8] = array("Q", self._order)  # which comes back with each result

    def _mapped(self, size: int, offset: int) -> memoryview:
        return self._hold(memoryview(self._held.enter_context(mmap.mmap(self._fd, size, offset=offset))))

    def _hold(self, view: memoryview) -> memoryview:
        """Until `close`."""
        return self._held.enter_context(view)

    def close(self) -> None:
        self._held.close()

    def point(self, addresses: Sequence[int], sizes: Sequence[int]) -> None:
        """Where the buffers of the first so many are, from now on, and their bytes."""
        self._addresses[: len(addresses)] = array("Q", addresses)
        self._sizes[: len(sizes)] = array("I", sizes)

    def run(self, sockets: Sequence[int]) -> list[int]:
        """Do it for these descriptors, at most `entries`: for each the bytes that moved, or minus an errno."""
        count = len(sockets)
        self._sockets[:count] = array("I", sockets)
        self._submit(count)
        done = self._done
        tags, results = self._column(0, done), self._column(2, done)
        if tags == self._order[:count].tolist():
            return results
        # The kernel does one after the other, but does not promise it; and what it did not take can be asked again.
        of_each = dict(zip(tags, results, strict=True))
        return [of_each.get(i, -errno.EAGAIN) for i in range(count)]

    def _submit(self, count: int) -> None:
        """The first `count` entries, and wait until all are done that the kernel takes."""
        numbers, (head_at, tail_at, entries) = self._numbers, self._submitted
        numbers[self._completed.head] = numbers[self._completed.tail]  # what was done before
        tail = numbers[tail_at]
        start = tail % entries
        until_wrap = min(count, entries - start)
        self._indices[start : start + until_wrap] = self._order[:until_wrap]
        self._indices[: count - until_wrap] = self._order[until_wrap:count]
        numbers[tail_at] = (tail + count) & _ALL
        try:
            for _ in range(TRIES_MAX):
                if self._done == count:
                    return
                left = (numbers[tail_at] - numbers[head_at]) & _ALL
                try:
                    _call(_ENTER, self._fd, left, count, _GETEVENTS, None, 0)
                except OSError as error:
                    if error.errno not in _AGAIN:
                        raise
        finally:
            numbers[tail_at] = numbers[head_at]  # what was not taken is asked for no more

    @property
    def _done(self) -> int:
        return (self._numbers[self._completed.tail] - self._numbers[self._completed.head]) & _ALL

    def _column(self, field: int, count: int) -> list[int]:
        """Of the next `count` that were done: which they were (field 0), or what came of it (2)."""
        start = self._numbers[self._completed.head] % self._completed.entries
        until_wrap = min(count, self._completed.entries - start)
        last = self._results[4 * start + field : 4 * (start + until_wrap) : 4].tolist()
        return last + self._results[field : 4 * (count - until_wrap) : 4].tolist()


def _call(number: int, *arguments: object) -> int:
    done: int = _libc.syscall(number, *arguments)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done
