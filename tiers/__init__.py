"""A tier node: its NATS server, its ledger, and the answers that it gives to commanders."""

from fusioncmd import plain_logs as plain_logs
