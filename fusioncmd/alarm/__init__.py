"""Alarms: what comes from outside and may begin a call-down."""
