"""What every script sent to a node has in common: its frame, the node's lock, and the lines of its answer.

Everything is inside `main`, so an upload that was cut short runs nothing. Answers come on standard output as lines
that begin with a nonce; whatever the commands themselves print never gets there.
"""

import base64
import hashlib
from dataclasses import dataclass

from hardway.steps.shell import INPUTS, quote

RUN = INPUTS.rpartition("/")[0]
LOCK_WAIT = 120
"""Seconds to wait for the script of an earlier, interrupted run to reach its next step boundary."""
LOCKED = 75
STEP_FAILED = 70
NOBODY_LISTENS = 71
"""Exit codes of our own (sysexits: EX_TEMPFAIL, EX_SOFTWARE, EX_OSERR)."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Line:
    """One line of a script's answer."""

    kind: str
    rest: str

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.rest.split(" "))

    def split(self, count: int) -> tuple[str, ...]:
        """That many words, and the text after them."""
        words = self.rest.split(" ", count)
        return (*words, *([""] * (count + 1 - len(words))))


def parse(nonce: str, line: str) -> Line | None:
    """A line of the answer; None for anything else that came along (a login banner)."""
    mark, _, rest = line.partition(" ")
    if mark != nonce or not rest:
        return None
    kind, _, rest = rest.partition(" ")
    return Line(kind, rest)


def decode(text: str) -> str:
    """Text that the script sent as base64."""
    return base64.b64decode(text).decode(errors="replace")


def sha256(content: bytes) -> str:
    """Hash of a file's content as sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


_COMMON = f"""\
exec 3>&1 >/dev/null </dev/null
umask 022
cd /
reason=
# A run whose client is gone ends here, between two steps.
mark() {{ printf '%s %s\\n' "$nonce" "$*" >&3 || exit {NOBODY_LISTENS}; }}
# Asks one check; what it says last is the reason.
ask() {{
  local rc code="$1"
  set --
  reason="$(set -u; eval "$code" 2>&1 3>&-)"
  rc=$?
  reason="${{reason##*$'\\n'}}"
  reason="${{reason:0:500}}"
  return "$rc"
}}
# Tells the value of a run input where it can be read.
tell() {{ local value; value="$(eval "$2" 2>/dev/null 3>&-)" && [ -n "$value" ] && mark input "$1" "$value"; }}
"""

_LOCK = f"""\
mkdir -p -m 0700 {RUN}
exec 9>>{RUN}/lock
holder() {{ cat {RUN}/holder 2>/dev/null; }}
flock -n "$lock" 9 || {{
  mark waiting-lock "$(holder)"
  flock -w "$lock_wait" "$lock" 9 || {{ mark locked "$(holder)"; exit {LOCKED}; }}
}}
"""


def frame(nonce: str, body: str, *, lock: str = "", holder: str = "") -> str:
    """A whole script. `lock` is flock's -s (others may ask too) or -x (holder is noted for them), or empty.

    Commands keep the lock's descriptor: a command that outlives its script still holds it.
    """
    parts = [
        f"export LC_ALL=C HOME=/root PATH={PATH}\nunset BASH_ENV ENV CDPATH\nmain() {{\nnonce={nonce}\n",
        _COMMON,
    ]
    if lock:
        parts.append(f"lock={lock} lock_wait={LOCK_WAIT}\n{_LOCK}")
    if holder:
        parts.append(
            f"trap 'rm -f {RUN}/holder {RUN}/out' EXIT\n"
            f'printf \'%s, pid %s on the node, since %s\\n\' {quote(holder)} "$$" "$(date -u +%FT%TZ)" >{RUN}/holder\n'
        )
    parts += [body, "mark end\n}\nmain\n"]
    return "".join(parts)
