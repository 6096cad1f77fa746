"""`python -m hardway.cli`: the command without its installed script."""

from hardway.cli.main import main

main()
