"""Bounds of alarms, experts and places that belong to no one message."""

EXPERT_STREAM_BYTES_MAX = 512 * 1024**2  # reject
PLACE_STREAM_BYTES_MAX = 512 * 1024**2  # reject
ALARM_STREAM_BYTES_MAX = 2 * 1024**3  # shed, the oldest: what was decided about them is in the audit
