"""The wires: how each kind of client asks, and how it is answered. All stand over `Desk.ask`.

What a wire says where the model abstains, and where a text has a set of labels: docs/serve.md has the table.
"""
