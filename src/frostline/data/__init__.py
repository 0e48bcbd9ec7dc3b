"""Labelled sentences: files in, a Dataset out."""
