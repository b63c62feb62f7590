"""Voice: RTP, what a frame is on the bus, jitter, voice activity, key presses, codecs, and what is recorded."""
