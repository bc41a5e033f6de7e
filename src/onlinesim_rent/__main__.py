"""``python -m onlinesim_rent`` is the command line."""

from onlinesim_rent.console import main

main(prog_name="onlinesim-rent")
