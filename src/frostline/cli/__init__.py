"""The command line: a file per verb; parse, call one library function, print."""
