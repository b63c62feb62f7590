"""Bounds of alarms that belong to no one message."""

ALARM_STREAM_BYTES_MAX = 2 * 1024**3  # shed, the oldest: what was decided about them is in the audit
