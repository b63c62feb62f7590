"""Alarms from outside: CAP, signed webhooks, sensors. Each becomes one message on the bus; none decides anything."""
