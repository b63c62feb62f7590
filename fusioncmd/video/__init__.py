"""Video: sources on the bus, RTP and RTCP of their packets, and what a picture begins with."""
