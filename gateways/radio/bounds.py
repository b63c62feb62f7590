"""Every bound of the radio gateway's signalling, per process, with its unit and outcome. Pure.

Outcomes as in `fusioncmd/limits.py`: *reject* (a SIP status), *shed* (dropped and counted), *disconnect*, *wait*.
"""

# One message. Reject: 513 over a stream (then disconnect), shed over UDP, which cannot carry more.
MESSAGE_BYTES_MAX = 65_535
HEAD_BYTES_MAX = 16 * 1024  # of start line and header fields: 513
HEADERS_MAX = 128  # 400
SDP_BYTES_MAX = 8 * 1024  # 413
SDP_MEDIA_MAX = 8  # 488
VIAS_MAX = 64  # 400
USER_CHARS_MAX = 64  # of an account, and of what is dialled: 404

# Connections (TCP and TLS).
CONNECTIONS_MAX = 8_192  # disconnect: the newest
CONNECTIONS_PER_ADDRESS_MAX = 512  # disconnect: the newest
CONNECTION_SILENT_S_MAX = 3_700  # a registration lives for an hour; disconnect
CONNECTION_STRANGE_S_MAX = 32  # without anything that was proven; disconnect
CONNECTION_OUTBOX_BYTES_MAX = 256 * 1024  # who does not read; disconnect
TLS_HANDSHAKE_S_MAX = 10  # disconnect

# Registrations.
ACCOUNTS_MAX = 65_536  # reject: `radios add`
CONTACTS_PER_ACCOUNT_MAX = 3  # shed: the oldest
REGISTERED_S_MIN = 60  # 423
REGISTERED_S_MAX = 3_600  # what is asked for beyond is cut to it
CONTACT_CHARS_MAX = 512  # 400
KNOWN_MAX = 131_072  # addresses and ports of who proved themselves; shed, who was proven longest ago

# Calls.
TRANSACTIONS_MAX = 65_536  # 503; over UDP each lives 32 s after its answer, so 1,500 registrations a second fit
CALLS_MAX = 4_096  # 503
CALLS_PER_ACCOUNT_MAX = 4  # 486
RINGING_S_MAX = 60  # of a call that nobody takes: 408, and CANCEL to who rings
SESSION_S = 1_800  # RFC 4028: asked for where the peer names nothing
SESSION_S_MIN = 90  # 422
RING_AT_ONCE_MAX = 512  # radios that one order to ring calls; shed and counted

# Who has proven nothing. What is beyond is shed, and counted; the sender's SIP timers say it again.
KNOWN_BURST = 400  # requests of one address and port that was proven; beyond it is one of the strangers
KNOWN_PER_S = 200.0
NONCE_S_MAX = 300  # then it is stale
STRANGER_BURST = 60  # requests of one address (IPv6: a /64) that are answered without proof
STRANGER_PER_S = 20.0
STRANGERS_BURST = 3_000  # of all together; the second half is for addresses that have asked little
STRANGERS_PER_S = 6_000.0  # some 40 % of a core
STRANGERS_WAITING_MAX = 1_024  # requests that wait while others are heard; shed, the oldest
STRANGERS_AT_ONCE = 16  # of them, between two looks at the sockets: some 1 ms
FAILURES_BURST = 30  # wrong secrets of one address that are answered
FAILURES_PER_S = 0.5
ADDRESSES_MAX = 16_384  # known by such counts; shed, who was not heard for longest
FAILURES_TOLD_EVERY_S = 60  # to the node, for the audit

assert REGISTERED_S_MIN < REGISTERED_S_MAX < CONNECTION_SILENT_S_MAX
assert SESSION_S_MIN < SESSION_S and HEAD_BYTES_MAX + SDP_BYTES_MAX < MESSAGE_BYTES_MAX
assert CALLS_MAX * 2 < TRANSACTIONS_MAX
