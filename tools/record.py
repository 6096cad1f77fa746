#!/usr/bin/env python3
"""Draws docs/run.svg from a real run: the plan of fresh lab nodes, the apply, and what has become of them.

usage: .venv/bin/python tools/record.py FOLDER LAB   (cluster.yaml is there, the lab up, nothing on its nodes)
What is left out is marked by a line of dots; nothing else is changed.
"""

import re
import shlex
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 118
SEEN = 9
"""Lines that are kept of the begin and of the end of a long output."""


def run(folder: Path, shown: str, argv: list[str]) -> list[str]:
    """The command line as a person types it, and what it prints."""
    began = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, cwd=folder)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    if len(lines) > 2 * SEEN + 1:
        lines = [*lines[:SEEN], "  ...", *lines[-SEEN:]]
    return [f"$ {shown}", *lines, f"# {time.monotonic() - began:.0f} s", ""]


def main() -> None:
    """Run and draw."""
    folder, lab = Path(sys.argv[1]), sys.argv[2]
    hardway = str(ROOT / ".venv/bin/hardway")
    nodes = "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes"
    lines = [
        *run(folder, "hardway plan", [hardway, "plan"]),
        *run(folder, "hardway apply", [hardway, "apply"]),
        *run(
            folder,
            f"ssh master-1 sudo {nodes}",
            [hardway, "lab", "exec", "--name", lab, "master-1", "--", *shlex.split(nodes)],
        ),
        *run(folder, "hardway plan", [hardway, "plan"]),
    ]
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for line in lines:
        style = "bold" if line.startswith("$") else "dim" if line.startswith("#") else ""
        console.print(Text(line[:WIDTH], style=style))
    drawing = console.export_svg(title="hardway")
    # The reader's own font: a picture fetches nothing.
    drawing = re.sub(r"@font-face \{.*?\}", "", drawing, flags=re.DOTALL)
    drawing = drawing.replace("Fira Code, monospace", "ui-monospace, monospace")
    (ROOT / "docs/run.svg").write_text("\n".join(line.rstrip() for line in drawing.splitlines()) + "\n")


if __name__ == "__main__":
    main()
