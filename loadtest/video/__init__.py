"""The video gateway measured: one source, many viewers, beside Janus, and under attack."""
