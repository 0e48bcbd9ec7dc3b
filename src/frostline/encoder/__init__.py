"""A frozen pretrained transformer: texts in, rows of features out."""
