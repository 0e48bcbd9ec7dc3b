"""Measure: ours against the usual way, in one run, as a ratio."""
