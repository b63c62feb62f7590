"""Other agencies beside this tier: what each is told, what it may say, and its duty desk among those who are called."""
