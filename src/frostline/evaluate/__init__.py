"""How good is it: metrics with intervals, baselines, nested cross-validation."""
