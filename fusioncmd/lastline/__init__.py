"""The last line: orders and answers in short messages of a satellite, 560 or 14,000 bits each."""
