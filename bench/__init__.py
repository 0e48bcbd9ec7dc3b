"""Measure: ours against the usual way, in turn, in one run, as a ratio.

Each measurement is a process of its own, so that its peak memory is its own too. Speed does not depend on the
weights: the DistilBERT-sized encoder has random ones, and no accuracy is ever computed with it.
"""
