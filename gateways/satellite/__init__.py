"""The link of a kit over a satellite: its two ends, and what each kind of traffic is on it."""
