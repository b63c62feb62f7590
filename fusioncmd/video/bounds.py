"""Every bound of video, with its unit last in the name and its outcome beside it (`limits.py` has the others)."""

SOURCES_MAX = 2_048  # known to one gateway or node; shed, the one not heard of for longest
SOURCE_BYTES_MAX = 1_536  # of a description on the bus; reject
TITLE_CHARS_MAX = 64  # of a source's title; cut
FMTP_CHARS_MAX = 256  # of a codec's parameters (SDP); reject
TRACKS_MAX = 2  # of a source: a picture, and its sound; reject
RTP_BYTES_MAX = 1_500  # of one packet; shed
BUNDLE_BYTES_MAX = 60_000  # of packets in one message on the bus; begin another
SAID_S = 2.0  # a source says again what it is
SILENT_S = 6.0  # a source that did not is gone; also an order to show one
ASK_BYTES_MAX = 256  # of what a watching gateway asks of a source; reject
KEYFRAME_S = 0.5  # a source is asked for a new picture at most so often, whoever wants one
ROLL_PLACES_MAX = 200  # called in one roll; reject
ROLL_WAIT_S_MIN, ROLL_WAIT_S_MAX = 5, 900  # a place is waited for; reject
ROLL_HOLD_S_MIN, ROLL_HOLD_S_MAX = 5, 900  # a place that answered is looked at; reject
ROLL_SEEN_S = 5  # seen for so long, a place that went was present all the same
ROLLS_MAX = 200  # kept at a node; shed, the oldest (the audit has them)
WAIT_MS = 400.0  # for a packet that is missing, by whoever puts frames together; then it is lost
WAITING_MAX = 512  # packets held for that; then it is lost
