"""Texts in, answers or rows out: a window at a time."""
