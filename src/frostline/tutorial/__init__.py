"""The DistilBERT practical, step by step, with the numbers of your own file."""
