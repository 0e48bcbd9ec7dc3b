"""`python -m frostline` is the command `frostline`."""

from frostline.cli.main import main

main()
