"""`python -m console.cli`: what the `fairway` file in the root runs."""

from console.cli.main import main

main()
