"""Who exists: numbers that are never reused, one slice per town, and audiences resolved over them."""
