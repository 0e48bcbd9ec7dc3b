"""The ONNX graph of an encoder, built from its architecture."""

GRAPH_VERSION: int = 1
"""Raised whenever the graphs we build could give other numbers."""
