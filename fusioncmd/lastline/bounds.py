"""The bounds of the last line, each with its outcome (see limits.py). Pure."""

SHORT_BITS, LONG_BITS = 560, 14_000  # of one message: BeiDou-3 global (GSMC) and regional (RSMC) short messages
VERSION = 1
MAC_BITS = 64  # of 256: see SECURITY.md for what that costs
COUNTER_BITS = 24  # one message a minute: 31 years
WINDOW = 64  # messages that may be overtaken; reject: an older one was heard, or is lost
SHORT_ID_BYTES = 6  # of an order, downwards
ANSWERED_ID_BYTES = 4  # of it, upwards: one of the few that are open
MINUTES_FROM_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z; times are minutes since then
MINUTES_BITS = 24  # until 2055
WIDTH_MAX = 16_384  # slots of a town in one message; wait: the rest goes in the next
SECTIONS_MAX = 64  # towns of one message; wait
TEMPLATES_MAX = 255  # reject
TEMPLATE_BYTES_MAX = 64 * 1024  # of a file of them; reject
VALUES_MAX = 4  # of a template; reject
CARDS_MAX = 256  # nodes at the other ends; reject
HEARD_MAX = 64  # messages that a modem has and the node has not; shed, the oldest first: they come again
CUT_S = 60  # a link carries nothing for so long, before the last line is used
REPEAT_S = 120  # what nobody confirmed is said again after so long, then after twice as long
REPEAT_S_MAX = 1_800
POSITIONS_S = 600  # between two times that a unit's place is said, however it moves
ASK_S_MAX = 5.0  # for the node to answer the modem's process

assert SHORT_BITS < LONG_BITS and WINDOW < 1 << COUNTER_BITS and REPEAT_S < REPEAT_S_MAX
