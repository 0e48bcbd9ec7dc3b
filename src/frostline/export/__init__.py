"""A saved classifier as files that other runtimes read: one ONNX graph, its tokenizer, and what shows that they agree."""
