"""Bounds of looking for smoke and fire, with their outcomes."""

WATCHED_MAX = 64  # sources of one gateway; those beyond are not watched, and that is logged
NAMED_MAX = 8  # of those
EVERY_S = 0.5  # a source is looked at so often, at most; keyframes between are skipped
WAITING_MAX = 1  # pictures of one source that the child has not answered: each has its turn; shed
WAITING_BYTES_MAX = 8 * 1024 * 1024  # of all in its pipe; shed
ANSWER_S_MAX = 60.0  # that it looks at one picture; then the child is ended and begun again
READY_S_MAX = 120.0  # until it has its detector; the same
BLIND_S = 60.0  # that nothing of a source could be looked at; then that is said
AGAIN_S, AGAIN_S_MAX = 1.0, 60.0  # it is begun again after so long, doubled each time
BLAMED_MAX = 3  # times within LEFT_OUT_S that it ended over a source's picture; then that one is left out
LEFT_OUT_S = 600.0  # for so long
MEMORY_BYTES_MAX = 2 * 1024**3  # address space of the child: it ends, and is begun again
MODEL_BYTES_MAX = 256 * 1024 * 1024  # reject
