"""Escalation: an order climbs from the terminal to push, SMS, voice and the superior, step by step, until it is met."""
