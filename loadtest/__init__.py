"""Load, faults and comparisons: what shows that the system holds what it promises."""
