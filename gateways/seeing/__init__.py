"""Smoke and fire on what cameras show: keyframes on the bus are looked at, and what is seen becomes an alarm."""
