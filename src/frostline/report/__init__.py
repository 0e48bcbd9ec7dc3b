"""Numbers made readable: terminal, JSON, HTML, model card. Computes nothing."""
