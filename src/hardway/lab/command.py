"""Run a command of the host and turn a failure into an error that shows command and output."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardway.errors import LabError


def run(
    argv: Sequence[str | Path],
    *,
    where: str,
    hint: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> str:
    """Standard output of the command; LabError with command and output when it fails."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, cwd=cwd, env=env, check=False)
    except FileNotFoundError as missing:
        raise LabError(f"`{words[0]}` is not installed", where, hint=hint or "run tools/setup.sh --lab") from missing
    if done.returncode != 0:
        raise LabError(
            f"`{words[0]}` failed with exit code {done.returncode}",
            where,
            command=shlex.join(words),
            output="\n".join((done.stdout + done.stderr).splitlines()[-30:]),
            hint=hint,
        )
    return done.stdout
