"""Every bound of the recorder of video, with its unit last in the name and its outcome beside it."""

from fusioncmd import limits

SEGMENT_MS = 10_000  # then the next keyframe begins another one
SEGMENT_MS_MAX = 60_000  # without a keyframe; then another one goes on
SEGMENT_BYTES_MAX = 64 * 1024**2  # then the next keyframe begins another one; twice that, any picture
FRAGMENT_MS = 1_000  # on disk at least so often: what `kill -9` may cost, with what waits
HOLE_MS = 3_000  # between two pictures; longer is missing
BACK_MS = 500  # a picture that is older than the one before by more: a clock was set
PICTURE_MS_MAX = 1_000.0  # the last one before a hole lasts no longer
STATED_MS = 60_000  # what is missing is stated at least so often
SLACK_MS = 5_000  # and what may still be on its way is not
KEPT_MAX = 256  # sources recorded at once by one node; more are not, and health says so
CHOSEN_MAX = 256  # sources and places that are chosen; reject
LEFT_MS = 600_000  # a source that was kept for an order only and is gone so long is not waited for any more
WAITING_BYTES_MAX = 32 * 1024**2  # of packets that wait for the disk; shed, to the next keyframe
KEPT_BYTES_MAX = 200 * 1024**3  # of segments at one node; shed, the oldest that are not pinned
KEPT_DAYS_MAX = 30  # shed
PINS_MAX = 4_096  # of one node; reject
FOUND_MAX = 500  # stretches and segments of one reply; the rest is asked for by time
CUT_MS_MAX = 6 * 3_600_000  # of one file; reject
CUT_SEGMENTS_MAX = 4_096  # of one file; reject
PART_BYTES_MAX = 1024**2  # of a segment in one reply; the rest is asked for
FIND_MS_MAX = 400 * 86_400_000  # of one question; reject
WISHES_MAX = 64  # of one node, to be fetched over thin links; reject
BATCH_MAX = 512  # segments of one entry in the audit; another one
AUDITED_S = 60.0  # entries are made so often

assert PART_BYTES_MAX < limits.API_REPLY_BYTES_MAX
assert SLACK_MS < STATED_MS
