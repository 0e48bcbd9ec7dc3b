"""Numbers made readable: terminal, JSON, model card. Computes nothing."""
