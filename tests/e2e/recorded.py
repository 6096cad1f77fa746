"""Runs the command `hardway` and notes what it mints; optionally kills itself after some steps.

usage: python recorded.py SECRETS_FILE STEPS ARGUMENT...   (STEPS 0: never)
"""

import os
import signal
import sys
from pathlib import Path

from hardway.cli import ui
from hardway.cli.main import main
from hardway.engine import inputs
from hardway.engine.events import Event, StepDone

secrets_file, steps = Path(sys.argv[1]), int(sys.argv[2])
sys.argv = ["hardway", *sys.argv[3:]]

mint = inputs.mint
show = ui.Progress.__call__
seen = 0


def noted(kind: str) -> str:
    """Mint and note."""
    value = mint(kind)
    with secrets_file.open("a") as file:
        file.write(value + "\n")
    return value


def counted(self: ui.Progress, event: Event) -> None:
    """Count the steps that end, and stop at a boundary as a power cut would."""
    global seen
    show(self, event)
    if isinstance(event, StepDone):
        seen += 1
        if seen == steps:
            os.kill(os.getpid(), signal.SIGKILL)


inputs.mint = noted
ui.Progress.__call__ = counted  # type: ignore[method-assign]
main()
