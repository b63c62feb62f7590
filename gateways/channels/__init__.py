"""Ways to people beyond their terminal: Web Push, SMS by SMPP, calls and others by webhook."""
