"""Short messages of a satellite, by a modem at a serial line."""
