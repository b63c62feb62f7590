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
PICTURE_MESSAGE_BYTES_MAX = 16 * 1024
PRESENCE_BYTES_MAX = 4 * 1024 * 1024
API_REQUEST_BYTES_MAX = 64 * 1024
SESSION_BYTES_MAX = 1_536
API_REPLY_BYTES_MAX = 7 * 1024 * 1024
BUS_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024

# The bus. Outcome: disconnect.
BUS_LOGIN_S_MAX = 10  # from a connection to its proof of a key, TLS included: where cores are busy, 2 s are too few
BUS_CONNECTIONS_MAX = 4_096
CLUSTER_SERVERS = 3  # and so many copies of each stream: any one of them may be lost

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
FRAME_BYTES_MAX = 16 * 1024  # from a terminal
READ_BYTES = 2_048  # of each terminal in a round of all, however much it sends: wait
DELIVERY_BYTES_MAX = 20 * 1024  # to a terminal: what each must take
HANDSHAKE_BYTES_MAX = 8 * 1024
HANDSHAKE_S_MAX = 10  # from accept to a good hello
HANDSHAKE_STRUCK_S_MAX = 2  # the same, from an address that failed too often
HELLO_BYTES_MAX = 4 * 1024  # of a frame that is incomplete before the hello; disconnect
FAILURES_MAX = 60  # of one address (IPv6: a /64) to prove who it is; beyond, it is struck: wait
FAILURES_FORGIVEN_PER_S = 1.0
FAILURES_WAIT_S = 60  # what terminals of a struck address are told that want to enrol or to renew
FAILING_ADDRESSES_MAX = 4_096  # known per gateway process; shed, who has not failed for longest first
UNPROVEN_MAX = 16_384  # connections per gateway process without a hello; the oldest is dropped
UNPROVEN_STRUCK_MAX = 256  # the same, of one struck address
OPENING_BYTES_MAX = 16 * 1024 * 1024  # of incomplete handshakes, per gateway process; disconnect who adds to it
PROXY_HEADER_BYTES_MAX = 1_024  # of version 2 with its extensions; senders keep to 536, names in certificates are long
PROXY_NETWORKS_MAX = 64  # reject: an operator trusts at most so many
REFUSALS_LOGGED_MAX = 30  # per gateway process and REFUSALS_LOGGED_S; shed from the log, and counted
REFUSALS_LOGGED_S = 60
HEARTBEAT_S = 240  # a terminal says something at least so often: at 840,000, each 60 s would take half a core
SILENCE_S_MAX = 540
UNACKNOWLEDGED_MS_MAX = 60_000  # what was sent to a phone that is gone: then it counts as gone (TCP_USER_TIMEOUT)
TICKET_BYTES_MAX = 1_024
TICKET_S_MAX = 366 * 86_400  # reject: `fusioncmd ticket` makes none that lives longer
DEVICE_TICKET_S = 86_400  # of an enrolled device; then it renews it
DEVICE_RENEW_AFTER_S = (8 * 3_600, 16 * 3_600)  # spread over devices
CODE_S_MAX = 30 * 86_400  # reject: a code that enrols a device may live so long
CODES_PAGE_MAX = 5_000  # reject
RENEWAL_SKEW_MS_MAX = 5 * 60_000  # disconnect, with the right time: a renewal is signed at most so long ago
RELAYS_IN_FLIGHT_MAX = 64  # enrolments and renewals per gateway process that wait for the node; disconnect: wait
RELAY_S_MAX = 5  # for the node to answer; disconnect: wait
RELAY_WAIT_S = 10  # what those are told
LOST_DEVICES_MAX = 65_536  # held per gateway process; beyond, tickets from before the oldest loss count as expired
REPORT_CHARS_MAX = 2_000
REPORTS_IN_FLIGHT_MAX = 1_024  # per gateway process; reject: "busy", the terminal sends it again
REPORTS_BURST_MAX = 32  # of one person on one order, per gateway process; reject: "busy", the terminal keeps the rest
REPORT_EVERY_S = 60  # then one each so often
PICTURE_PART_BYTES_MAX = 15 * 1024
PICTURE_PARTS_MAX = 18  # of one report: a picture of 256 KiB; disconnect
PICTURE_PARTS_BURST_MAX = 4 * PICTURE_PARTS_MAX  # of one person on one order, per gateway process; reject: "busy"
PICTURE_PART_EVERY_S = 15  # then one each so often
OUTBOX_BYTES_MAX = 64 * 1024  # per terminal, beyond the kernel's buffer
SEND_BUFFER_BYTES = 32 * 1024  # of a terminal's socket; it would grow to megabytes for one that does not read
DESCRIPTORS_SPARE = 256  # per gateway process, kept for the bus, files, logs and those who are told to wait
DISTRUST_REASON_CHARS_MAX = 32
PAGES_IN_FLIGHT_MAX = 256  # per gateway process: the page's files on their way; disconnect, the oldest first
PAGES_BYTES_MAX = 4 * 1024 * 1024  # of all files of the page; reject: the gateway serves none, and says so
FULL_WAIT_S = 30  # what those are told
EARLY_ORDERS_MAX = 256  # that a gateway heard of and has not read; shed, the oldest first: terminals say it again
EARLY_MS_MAX = 2 * 3_600_000  # how old an order may be that has not come here; reject: "unknown_order"

# Fan-out and receipts of one gateway process. Outcome: wait.
FANOUT_BURST = 64
FANOUT_UNANSWERED_MAX = 2_048  # of one order: 256 cost 46 processes a tenth more CPU, 4,096 gained nothing
FANOUT_ESCAPE_MS = 200
PUMP_MS = 20  # so long after nothing moved, what waits is looked at again
GATEWAY_NICE = 5  # where cores are few, node and NATS server come first: answers on disk before more of them
CONFIRM_BURST = 512  # confirmations sent before anything else is looked at
CONFIRM_SHARE = 16  # while an order goes out: one confirmation for so many deliveries
SETTLE_S_MAX = 5  # after an order went out, so long at most answers come before confirmations
AWAITED_MS_MAX = 2_000  # of it, so long while nobody more says that they received the order
AWAITED_MIN = 256  # with fewer unreceived, a few are slow, and nobody waits for those
CONFIRM_EACH_PUMP = 1  # while an order goes out: these at least, each PUMP_MS
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
PICTURE_STREAM_BYTES_MAX = 4 * 1024**3  # shed, the oldest parts first: a report without its picture still stands
TRUST_STREAM_BYTES_MAX = 1 * 1024**3
ACCOUNT_STREAM_BYTES_MAX = 64 * 1024**2
AUDIT_STREAM_BYTES_MAX = 4 * 1024**3

# The audit.
AUDIT_FIELD_CHARS_MAX = 256  # shed: longer ones are cut
AUDIT_DETAILS_MAX = 16  # shed
AUDIT_WAITING_MAX = 4_096  # notes that are not on disk yet; shed, and how many is kept
AUDIT_NOTES_PER_S = 5  # beyond a burst of AUDIT_WAITING_MAX; shed, and how many of which kind is kept: who is not let
# in must not fill the disk that orders need
AUDIT_NOTES_WAIT_MS = 1_000  # so that many notes make one page; an entry that is waited for takes them along
AUDIT_ENTRY_BYTES_MAX = 48 * 1024  # reject; no entry of so many fields is longer
AUDIT_PAGE_ENTRIES_MAX = 256  # wait: the rest goes into the next page
AUDIT_PAGE_BYTES_MAX = 256 * 1024  # the same: wait
AUDIT_RETRY_S = 1  # after a page could not be stored
AUDIT_HEAD_EVERY_S = 60  # a signed head, when something was added
AUDIT_FULL_PERCENT = 80  # of its stream; from then on health says so: a full audit lets nobody issue
AUDIT_HEADS_MAX = 8_192  # nodes whose heads are kept; reject
AUDIT_REPLY_ENTRIES_MAX = 1_000  # reject
AUDIT_REPLY_BYTES_MAX = 4 * 1024 * 1024  # wait: the rest goes into the next reply

# Accounts and logins. Outcome: reject, unless another is named.
ACCOUNTS_MAX = 4_096
ACCOUNT_NAME_CHARS_MAX = 64
ACCOUNT_BYTES_MAX = 2_048
PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 256
OIDC_SUBJECT_CHARS_MAX = 256
OIDC_TOKEN_CHARS_MAX = 8_192
SESSION_S = 12 * 3_600
SESSIONS_ENDED_MAX = 4_096  # by logout, and not yet expired
SESSIONS_ENDED_PER_HOLDER_MAX = 64  # of one account, or one set of keys; reject: this one ends by itself
SESSIONS_ENDED_PER_BRANCH_MAX = 1_024  # of all keys that one key below the root granted; reject: the same
LOGIN_DELAY_S_MAX = 60  # after failures, nobody is heard under that name for 1, 2, 4 … so many seconds
LOGIN_FORGOTTEN_S = 600  # failures that are so much older than their delay
LOGIN_STRANGERS_MAX = 8_192  # names without an account whose failures are known; shed, the oldest first
LOGIN_CHECKS_PER_S_MAX = 8  # of passwords, by one thread of the node: half a core
LOGIN_CHECKS_WAITING_MAX = 24  # reject: "busy"
LOGIN_SHOWN_S_MAX = 30 * 86_400  # after its end, an earlier session sets its holder apart from others under that name
LOGIN_CHECKS_SHOWN_PER_S_MAX = 2  # of passwords of who shows one, beside the others'
LOGIN_CHECKS_SHOWN_WAITING_MAX = 16  # reject: "busy"
LOGIN_REPLY_MS = 250  # a password's reply comes after so much, or a multiple of it: it tells no names apart
LOGIN_REPLIES_WAITING_MAX = 2_048  # names without an account are then told at once
LOGIN_FAILURES_NOTED_MAX = 60  # in LOGIN_FAILURES_NOTED_S; shed from the audit, and counted
LOGIN_FAILURES_NOTED_S = 60
LOGIN_KEYS_MAX = 4
LOGIN_PROOFS_MAX = 65_536  # by key, within CLOCK_SKEW_MS_MAX: each is taken once
LOGIN_KEY_BURST_MAX = 256  # of one key; reject, and it is said when
LOGIN_KEY_PER_S = 8  # then
LOGIN_BRANCH_BURST_MAX = 1_024  # the same of all keys that one key below the root granted; reject
LOGIN_BRANCH_PER_S = 24

# The ledger.
DISK_FREE_BYTES_MIN = 64 * 1024**2  # below, health says so
SNAPSHOT_EVERY_S = 30
REPORTS_PER_ORDER_MAX = 100_000  # shed from memory and counted; the stream keeps them from then on
WHO_PAGE_MAX = 5_000  # reject
REPORTS_PAGE_MAX = 400  # reject
ORDERS_PAGE_MAX = 500  # reject

# Trust: keys, grants, signed orders. Outcome: reject.
ROOTS_MAX = 8
DEVELOPMENT_CA_DAYS = 3_653
DEVELOPMENT_CERTIFICATE_DAYS = 825  # what clients take of an authority that was added by hand
KEYS_VALID_DAYS = 731  # that `keys init` makes
ROOT_VALID_DAYS = 3_653
CHAIN_GRANTS_MAX = 6  # below a root: five tiers and a person
GRANT_BYTES_MAX = 512
PUBLIC_KEY_BYTES_MAX = 96
SIGNATURE_BYTES_MAX = 96
APPROVALS_MAX = 3
SEALED_BYTES_MAX = DELIVERY_BYTES_MAX - 64  # with its frame
STATEMENT_BYTES_MAX = 16 * 1024
SECOND_PERSON_PEOPLE = 10_000  # an actual order to more needs a second commander; an operator may set another bound
SECOND_PERSON_PEOPLE_MAX = 100_000  # up to here; beyond, and to a whole province, gateways demand the second themselves
PROPOSALS_MAX = 64  # orders that wait for a second person at one node
PROPOSALS_PER_KEY_MAX = 8  # of them, signed by one key
PROPOSALS_PER_BRANCH_MAX = 32  # of them, by all keys that one key below the root granted
WITHDRAWN_MAX = 4_096  # of them, taken back within the last two hours; reject: no further ones are proposed
WITHDRAWN_PER_KEY_MAX = 512  # reject: that key proposes no further ones
WITHDRAWN_PER_BRANCH_MAX = 2_048  # the same
PROPOSAL_S_MAX = 3_600  # from when they were composed; then they are dropped: shed
ISSUE_S_MAX = 600  # a node takes an order that was composed at most so long ago
ISSUE_APPROVED_S_MAX = 3_600  # with approvals, which take time
CLOCK_SKEW_MS_MAX = 5 * 60_000  # an order of a clock that is further ahead is one of the future
REVOCATIONS_PER_BRANCH_MAX = 4_096  # made by keys below one that a root granted
EXPIRY_WARNING_DAYS = (60, 30, 7)
REVOCATION_REDATED_MAX = 32  # one key's end is set earlier so often; then the key above it has to be revoked
KEYS_WATCHED_MAX = 4_096  # whose heartbeats a node keeps
KEY_BEAT_EVERY_S = 3_600  # a node's own key
KEY_BEATS_APART_S_MIN = 60  # heartbeats that are closer are confirmed and not kept
ENDED_IN_USE_MAX = 256  # revoked keys that somebody still signs with; shed, the oldest first
KEY_HEARTBEAT_S_MAX = 7 * 86_400  # a key that was not heard for longer counts as dead: warned of

# The floor, per talkgroup. Outcome: reject.
FLOOR_BYTES_MAX = 1_024  # of one floor control message
FLOOR_QUEUE_MAX = 32  # who wait for the floor: Floor Deny #7
FLOOR_NODES_MAX = 256  # tier nodes that one gateway or node hears; shed, who was not heard for longest
FLOOR_ASKING_MAX = 64  # participants of one gateway who speak or wait; Floor Deny #6

assert SLICE_BYTES_MAX < BUS_PAYLOAD_BYTES_MAX
assert max(AUDIENCE_BYTES_MAX, RECEIPTS_BYTES_MAX, PRESENCE_BYTES_MAX) < BUS_PAYLOAD_BYTES_MAX
assert (REPORTS_PAGE_MAX * 2 * REPORT_BYTES_MAX) < API_REPLY_BYTES_MAX
assert ORDERS_PAGE_MAX * (TEXT_CHARS_MAX * 4 + 4096) < API_REPLY_BYTES_MAX
assert TEXT_CHARS_MAX * 4 < ORDER_BYTES_MAX < FRAME_BYTES_MAX * 2
assert PICTURE_PART_BYTES_MAX + 512 < PICTURE_MESSAGE_BYTES_MAX <= FRAME_BYTES_MAX
assert PICTURE_PARTS_MAX * PICTURE_PART_BYTES_MAX < API_REPLY_BYTES_MAX
assert OUTBOX_BYTES_MAX >= 2 * DELIVERY_BYTES_MAX > 2 * SEALED_BYTES_MAX
assert HEARTBEAT_S * 2 < SILENCE_S_MAX and PRESENCE_EVERY_S * 3 < PRESENCE_LOST_S
assert FANOUT_BURST < FANOUT_UNANSWERED_MAX and DEADLINE_S_MAX <= ORDER_OPEN_S_MAX
assert KEYS_VALID_DAYS < ROOT_VALID_DAYS and KEY_BEATS_APART_S_MIN < KEY_BEAT_EVERY_S < KEY_HEARTBEAT_S_MAX
assert RELAY_S_MAX < HANDSHAKE_S_MAX
assert DEVICE_RENEW_AFTER_S[1] < DEVICE_TICKET_S < TICKET_S_MAX
assert ORDER_BYTES_MAX + 3 * 1024 < SEALED_BYTES_MAX < API_REQUEST_BYTES_MAX
assert ACCOUNT_BYTES_MAX + CHAIN_GRANTS_MAX * (GRANT_BYTES_MAX + SIGNATURE_BYTES_MAX + 8) + 512 < STATEMENT_BYTES_MAX
assert 3 * (LOGIN_BRANCH_BURST_MAX + LOGIN_BRANCH_PER_S * 2 * CLOCK_SKEW_MS_MAX // 1000) < LOGIN_PROOFS_MAX
assert SECOND_PERSON_PEOPLE <= SECOND_PERSON_PEOPLE_MAX and PROPOSAL_S_MAX <= ISSUE_APPROVED_S_MAX
assert PROPOSALS_PER_BRANCH_MAX < PROPOSALS_MAX and WITHDRAWN_PER_BRANCH_MAX < WITHDRAWN_MAX
assert PROPOSALS_MAX * (SEALED_BYTES_MAX + 4096) < API_REPLY_BYTES_MAX
assert STATEMENT_BYTES_MAX > 2 * CHAIN_GRANTS_MAX * (GRANT_BYTES_MAX + SIGNATURE_BYTES_MAX + 8) + 512
assert (3 + 2 * AUDIT_DETAILS_MAX) * (AUDIT_FIELD_CHARS_MAX * 4 + 5) + 64 < AUDIT_ENTRY_BYTES_MAX
assert 2 * AUDIT_ENTRY_BYTES_MAX < AUDIT_PAGE_BYTES_MAX < BUS_PAYLOAD_BYTES_MAX
assert AUDIT_REPLY_BYTES_MAX + AUDIT_PAGE_BYTES_MAX < API_REPLY_BYTES_MAX < BUS_PAYLOAD_BYTES_MAX
