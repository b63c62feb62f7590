"""The audit: what was decided, by whom, chained by hashes so that nothing in it can be changed unseen."""
