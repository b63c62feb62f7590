"""How many file descriptors this process may open: as many as it is allowed to ask for."""

from __future__ import annotations

import resource

DESCRIPTORS_MAX = 1 << 16  # more connections than that belong in another process


def raise_descriptors() -> int:
    """Raise the soft limit to the hard one, at most DESCRIPTORS_MAX, and return it: most systems begin at 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < DESCRIPTORS_MAX:
        soft = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return DESCRIPTORS_MAX if soft == resource.RLIM_INFINITY else min(soft, DESCRIPTORS_MAX)
