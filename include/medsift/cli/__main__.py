"""`python -m medsift.cli` is the command `medsift`."""

from medsift.cli import main

main()
