"""Secrets that are none: zeros, a word again and again, what a manual prints. Pure."""

from __future__ import annotations

DISTINCT_BYTES_MIN = 12  # of 32 random ones; fewer are met once in 10¹⁷ secrets


def is_guessable(secret: bytes) -> bool:
    """Whether 32 bytes that should be random are surely not."""
    return len(set(secret)) < DISTINCT_BYTES_MIN
