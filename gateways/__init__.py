"""Gateways: one folder per kind of terminal. Each turns terminals into bus messages and back, and knows no other."""

from fusioncmd import plain_logs as plain_logs
