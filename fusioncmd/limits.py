"""Every bound of the system, once, with its unit last in the name and its outcome beside it.

Outcomes: *reject* (one clear sentence, nothing changed), *shed* (dropped and counted), *disconnect* (closed with a
code that tells the terminal what to do), *wait* (back-pressure on the sender).
"""

# Numbers: 16 bits of town, 16 bits of slot (DESIGN, idea II).
TOWNS_MAX = 1 << 16  # reject: a further town gets no number
SLOTS_PER_TOWN_MAX = 1 << 16  # reject: a further person in the town gets no number

# Messages on the bus; checked before decoding. Outcome: reject.
ORDER_BYTES_MAX = 16 * 1024
AUDIENCE_BYTES_MAX = 4 * 1024 * 1024
RECEIPTS_BYTES_MAX = 4 * 1024 * 1024
SLICE_BYTES_MAX = 7 * 1024 * 1024
TOWN_TABLE_BYTES_MAX = 1024 * 1024
REPORT_BYTES_MAX = 8 * 1024
PRESENCE_BYTES_MAX = 4 * 1024 * 1024
API_REQUEST_BYTES_MAX = 64 * 1024
SESSION_BYTES_MAX = 512
API_REPLY_BYTES_MAX = 7 * 1024 * 1024
BUS_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024

# Orders. Outcome: reject.
TEXT_CHARS_MAX = 2_000
ANSWERS_MAX = 8
ANSWER_CHARS_MAX = 32
ISSUER_CHARS_MAX = 64
SELECTOR_NODES_MAX = 64
SELECTOR_ROLES_MAX = 32
ROLE_CHARS_MAX = 32
DEADLINE_S_MAX = 7 * 86_400
ORDER_OPEN_S_DEFAULT = 24 * 3_600
ORDER_OPEN_S_MAX = 7 * 86_400
ORDERS_HELD_MAX = 64  # a terminal names at most so many in its hello; disconnect beyond

# The roster. Outcome: reject, with line and reason.
PERSON_ID_CHARS_MAX = 64
NAME_CHARS_MAX = 64
PHONE_CHARS_MAX = 32
ROLES_PER_PERSON_MAX = 16
ROLES_PER_TOWN_MAX = 62  # a person's roles in a slice are one 62-bit mask
ROSTER_FILE_BYTES_MAX = 512 * 1024 * 1024
ROSTER_PROBLEMS_SHOWN_MAX = 1_000

# The terminal protocol. Outcome: disconnect, unless another is named.
FRAME_BYTES_MAX = 16 * 1024
HANDSHAKE_BYTES_MAX = 8 * 1024
HANDSHAKE_S_MAX = 10  # from accept to a good hello
PROXY_HEADER_BYTES_MAX = 1_024  # of version 2 with its extensions; senders keep to 536, names in certificates are long
PROXY_NETWORKS_MAX = 64  # reject: an operator trusts at most so many
REFUSALS_LOGGED_MAX = 30  # per gateway process and REFUSALS_LOGGED_S; shed from the log, and counted
REFUSALS_LOGGED_S = 60
HEARTBEAT_S = 240  # a terminal says something at least so often: at 840,000, each 60 s would take half a core
SILENCE_S_MAX = 540
UNACKNOWLEDGED_MS_MAX = 60_000  # what was sent to a phone that is gone: then it counts as gone (TCP_USER_TIMEOUT)
TICKET_BYTES_MAX = 1_024
TICKET_S_MAX = 366 * 86_400
REPORT_CHARS_MAX = 2_000
REPORTS_IN_FLIGHT_MAX = 1_024  # per gateway process; reject: "busy", the terminal sends it again
OUTBOX_BYTES_MAX = 64 * 1024  # per terminal, beyond the kernel's buffer
SEND_BUFFER_BYTES = (
    32 * 1024
)  # of a terminal's socket; the kernel would let it grow to megabytes for one that does not read
DESCRIPTORS_SPARE = 256  # per gateway process, kept for the bus, files, logs and those who are told to wait
FULL_WAIT_S = 30  # what those are told
EARLY_ORDERS_MAX = 256  # that a gateway heard of and has not read; shed, the oldest first: terminals say it again
EARLY_MS_MAX = 2 * 3_600_000

# Fan-out and receipts of one gateway process. Outcome: wait.
FANOUT_BURST = 64
FANOUT_UNANSWERED_MAX = 256  # of one order
FANOUT_ESCAPE_MS = 200
PUMP_MS = 20  # so long after nothing moved, what waits is looked at again
GATEWAY_NICE = 5  # where cores are few, node and NATS server come first: answers on disk before more of them
CONFIRM_BURST = 1_024  # confirmations sent at once
CONFIRM_SHARE = 16  # while an order goes out: one confirmation for so many deliveries
CONFIRM_EACH_PUMP = 4  # while an order goes out: these at least, each PUMP_MS
GATHER_MS_MAX = 50
PUBLISHES_IN_FLIGHT_MAX = 64
RECEIPTS_IN_FLIGHT_MAX = 2  # per gateway process: when the disk is slow, batches grow instead of their number
PUBLISH_ACK_S_MAX = 5
PRESENCE_EVERY_S = 1
PRESENCE_LOST_S = 5

# Streams. Outcome: reject (`discard: new`): nobody is told that something was stored when it was not.
CALL_STREAM_BYTES_MAX = 4 * 1024**3
RECEIPT_STREAM_BYTES_MAX = 4 * 1024**3
ROSTER_STREAM_BYTES_MAX = 2 * 1024**3
REPORT_STREAM_BYTES_MAX = 1 * 1024**3
TRUST_STREAM_BYTES_MAX = 1 * 1024**3
ACCOUNT_STREAM_BYTES_MAX = 64 * 1024**2
AUDIT_STREAM_BYTES_MAX = 4 * 1024**3

# The audit.
AUDIT_FIELD_CHARS_MAX = 256  # longer ones are cut
AUDIT_DETAILS_MAX = 16
AUDIT_WAITING_MAX = 4_096  # notes that are not on disk yet; shed, and how many is kept

# The ledger.
DISK_FREE_BYTES_MIN = 64 * 1024**2  # below, health says so
SNAPSHOT_EVERY_S = 30
REPORTS_PER_ORDER_MAX = 100_000  # shed from memory and counted; the stream keeps them from then on
WHO_PAGE_MAX = 5_000  # reject
REPORTS_PAGE_MAX = 400  # reject
ORDERS_PAGE_MAX = 500  # reject

# Trust: keys, grants, signed orders. Outcome: reject.
ROOTS_MAX = 8
KEYS_VALID_DAYS = 731  # that `keys init` makes
ROOT_VALID_DAYS = 3_653
CHAIN_GRANTS_MAX = 6  # below a root: five tiers and a person
GRANT_BYTES_MAX = 512
PUBLIC_KEY_BYTES_MAX = 96
SIGNATURE_BYTES_MAX = 96
APPROVALS_MAX = 3
SEALED_BYTES_MAX = 20 * 1024 - 64  # with its frame, what every terminal must take
STATEMENT_BYTES_MAX = 16 * 1024
SECOND_PERSON_PEOPLE = 10_000  # an actual order to more needs a second commander
ISSUE_S_MAX = 600  # a node takes an order that was composed at most so long ago
ISSUE_APPROVED_S_MAX = 3_600  # with approvals, which take time
CLOCK_SKEW_MS_MAX = 5 * 60_000  # an order of a clock that is further ahead is one of the future
REVOCATIONS_PER_BRANCH_MAX = 4_096  # made by keys below one that a root granted
EXPIRY_WARNING_DAYS = (60, 30, 7)
KEY_HEARTBEAT_S_MAX = 7 * 86_400  # a key that was not heard for longer counts as dead: warned of

# Exchange between tiers, per link. Outcome: reject the message or the item, counted; the next round says it again.
EXCHANGE_MESSAGE_BYTES_MAX = 1024 * 1024  # that is taken; what is sent is a parameter of the link
EXCHANGE_MESSAGE_BYTES_MIN = 70  # 560 bits: the short message of a satellite
EXCHANGE_MESSAGE_BYTES = 16 * 1024
EXCHANGE_IN_FLIGHT_BYTES = 64 * 1024  # wait
EXCHANGE_ITEM_BYTES_MAX = SLICE_BYTES_MAX + 1024
EXCHANGE_WAITING_BYTES_MAX = 4 * 1024 * 1024  # evidence of orders that have not come; shed, the oldest first
EXCHANGE_PARTS_BYTES_MAX = 16 * 1024 * 1024  # items of which only parts have come; shed, the oldest first
EXCHANGE_SEEN_MAX = 1_024  # numbers of frames that came
EXCHANGE_LISTED_MAX = 512  # items of a range that are listed and not summed
EXCHANGE_STEP_MS_MAX = 60_000  # a clock that moves further at once is one that was set

assert SLICE_BYTES_MAX < BUS_PAYLOAD_BYTES_MAX
assert EXCHANGE_PARTS_BYTES_MAX > 2 * EXCHANGE_ITEM_BYTES_MAX
assert max(AUDIENCE_BYTES_MAX, RECEIPTS_BYTES_MAX, PRESENCE_BYTES_MAX) < BUS_PAYLOAD_BYTES_MAX
assert (REPORTS_PAGE_MAX * 2 * REPORT_BYTES_MAX) < API_REPLY_BYTES_MAX
assert ORDERS_PAGE_MAX * (TEXT_CHARS_MAX * 4 + 4096) < API_REPLY_BYTES_MAX
assert API_REPLY_BYTES_MAX < BUS_PAYLOAD_BYTES_MAX
assert TEXT_CHARS_MAX * 4 < ORDER_BYTES_MAX < FRAME_BYTES_MAX * 2
assert OUTBOX_BYTES_MAX >= 2 * ORDER_BYTES_MAX
assert HEARTBEAT_S * 2 < SILENCE_S_MAX
assert PRESENCE_EVERY_S * 3 < PRESENCE_LOST_S
assert FANOUT_BURST < FANOUT_UNANSWERED_MAX
assert DEADLINE_S_MAX <= ORDER_OPEN_S_MAX
assert ORDER_BYTES_MAX + 3 * 1024 < SEALED_BYTES_MAX
assert KEYS_VALID_DAYS < ROOT_VALID_DAYS
assert SEALED_BYTES_MAX < API_REQUEST_BYTES_MAX
assert STATEMENT_BYTES_MAX > 2 * CHAIN_GRANTS_MAX * (GRANT_BYTES_MAX + SIGNATURE_BYTES_MAX + 8) + 512
