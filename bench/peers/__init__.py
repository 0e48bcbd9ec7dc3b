"""Ours beside what a user would otherwise install, in one run: `make bench-peers`."""
