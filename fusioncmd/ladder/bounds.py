"""Bounds of ladders and channels, with their outcomes, as in `limits.py`: *reject* unless another is named."""

from __future__ import annotations

from fusioncmd import limits

LADDER_STEPS_MAX = 8
LADDER_CHARS_MAX = 256
LADDER_BYTES_MAX = limits.BUS_PAYLOAD_BYTES_MAX - 1024  # of one message
LADDER_STREAM_BYTES_MAX = 2 * 1024**3  # a step that cannot be stored is not taken: wait
PUSH_STREAM_BYTES_MAX = 2 * 1024**3
PUSH_ENDPOINT_CHARS_MAX = 1_024
PUSH_DEVICES_MAX = 4  # of one person that a step writes to; shed, the rest
ADDRESS_CHARS_MAX = PUSH_DEVICES_MAX * 1_536
NOTICE_PEOPLE_MAX = 200  # handed to a channel at once: what a crash in between may cost one step
OUTCOMES_PEOPLE_MAX = 1_024
CHANNEL_WAITING_MAX = 1_000  # people per channel; wait: it says how much room it has
CHANNEL_ATTEMPTS_MAX = 5  # then the outcome is "failed"
CHANNEL_ANSWER_S_MAX = 5  # of a channel's process, or of the node to it
CHANNEL_RECEIPTS_MAX = 100_000  # messages whose delivery receipt is awaited; shed, the oldest first
CHANNEL_INBOUND_MAX = 4_096  # answers that wait for the node; shed to the carrier, which says them again
CHANNEL_OUTCOMES_MAX = 65_536  # people whose outcome the node has not confirmed; then nothing is taken: wait
ON_BEHALF_MAX = 65_536  # answers on behalf of others, of one order
SUPERIORS_MAX = 4_096  # of one order; beyond, `ladder --names` has the rest, and says how many nobody was told of
SUPERIORS_ASKED_MAX = 256  # connected at one gateway process; shed, the rest: push or SMS reaches them
SILENT_NAMED_MAX = 40  # people by name in one list; the rest by count
SILENT_SMS_NAMED_MAX = 8
SILENT_REPLY_LISTS_MAX = 512  # in one reply to a gateway; shed: those of the oldest orders
SILENT_REPLY_PEOPLE_MAX = 1_024  # by name in one such reply, shared among its lists; the rest by count
TOLD_SHOWN_MAX = 200
UNREACHED_NAMED_MAX = 5_000  # people without a live channel that a preview names

assert 3 * limits.AUDIENCE_BYTES_MAX > LADDER_BYTES_MAX > limits.AUDIENCE_BYTES_MAX
assert NOTICE_PEOPLE_MAX * ADDRESS_CHARS_MAX < LADDER_BYTES_MAX
assert SILENT_REPLY_LISTS_MAX <= SILENT_REPLY_PEOPLE_MAX
assert SILENT_REPLY_LISTS_MAX * limits.TEXT_CHARS_MAX * 5 + SILENT_REPLY_PEOPLE_MAX * 1_024 < limits.API_REPLY_BYTES_MAX
assert NOTICE_PEOPLE_MAX <= CHANNEL_WAITING_MAX < CHANNEL_OUTCOMES_MAX
