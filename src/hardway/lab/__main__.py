"""Thin entry without a cluster.yaml: the article's five machines, for trying and measuring.

`hardway lab` is the command for users; this one has no file to read: python -m hardway.lab up --name NAME
"""

import argparse
import sys

from hardway.errors import HardwayError
from hardway.lab.lab import Lab, recorded
from hardway.lab.spec import five_nodes


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hardway.lab", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--name", default="lab")
    parser.add_argument("--network", default="10.30.0", help="first three numbers of the /24 (10.30.0)")
    parser.add_argument("--source", default="auto", help="where binaries come from: auto, release, go or a directory")
    options = parser.parse_args()
    try:
        if options.verb == "up":
            Lab(five_nodes(options.name, options.network)).up(options.source, _say)
        elif options.verb == "down":
            recorded(options.name).down()
        else:
            for row in recorded(options.name).status():
                _say(f"{row.host_name}\t{row.address}\t{row.state}")
    except HardwayError as error:
        _say(error.render())
        return error.exit_code
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
