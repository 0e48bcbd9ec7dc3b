"""What every test may use. Its presence puts this folder on the path, so that tests say `from fakes import ...`."""
