"""Logistic regression over features: solving, searching C, predicting."""
