"""Positions: where units are, what is believed of it, and what is passed on over a thin link."""
