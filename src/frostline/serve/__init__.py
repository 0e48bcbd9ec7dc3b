"""A saved classifier over HTTP: the wires that clients already speak, and a page."""
