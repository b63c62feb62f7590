"""Accounts of commanders: who they are, how they prove it, and what a login gives them."""
