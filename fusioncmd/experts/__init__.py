"""Experts: who they are, and how they are drawn so that nobody chooses them by favour."""
