"""A saved classifier as files that other runtimes read: an ONNX graph, its tokenizer, what shows that they agree."""
