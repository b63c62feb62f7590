"""The bus: one interface (`port`), NATS behind it (`nats`), and a memory twin for tests and simulation (`memory`)."""
