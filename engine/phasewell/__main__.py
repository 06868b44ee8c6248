"""`python -m phasewell` is `phasewell`."""

from phasewell.cli import main

main()
