"""The scripts that are sent to nodes, and what they answer.

Everything is inside `main`, so an upload that was cut short runs nothing. Answers come on standard output as lines
that begin with a nonce; whatever the commands themselves print goes to a private file and is sent only on failure.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hardway.steps import Await, Primitive, Run, Write
from hardway.steps.shell import INPUTS, input_file, octal, quote, words

LOCK_WAIT = 60
"""Seconds to wait for the script of an earlier, interrupted run to end."""
LOCKED = 75
STEP_FAILED = 70
"""Exit codes of our own (sysexits: EX_TEMPFAIL, EX_SOFTWARE)."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Line:
    """One line of a script's answer."""

    kind: str
    words: tuple[str, ...]


def parse(nonce: str, line: str) -> Line | None:
    """A line of the answer; None for anything else that came along (a login banner)."""
    mark, _, rest = line.partition(" ")
    if mark != nonce or not rest:
        return None
    kind, *arguments = rest.split(" ")
    return Line(kind, tuple(arguments))


def decode(text: str) -> str:
    """Text that the script sent as base64."""
    return base64.b64decode(text).decode(errors="replace")


def _frame(nonce: str, body: str, lock: str) -> str:
    return (
        f"export LC_ALL=C PATH={PATH}\n"
        "main() {\n"
        f"nonce={nonce}\n"
        "exec 3>&1 1>/dev/null 2>/dev/null </dev/null\n"
        "umask 022\n"
        "install -d -m 0700 /run/hardway\n"
        "exec 9>>/run/hardway/lock\n"
        f"flock {lock} -w {LOCK_WAIT} 9 || {{\n"
        f'  printf "%s locked %s\\n" "$nonce" "$(base64 -w0 /run/hardway/holder)" >&3\n  exit {LOCKED}\n}}\n'
        f"{body}"
        'printf "%s end\\n" "$nonce" >&3\n'
        "}\n"
        "main\n"
    )


def probe(nonce: str, primitives: Sequence[Primitive]) -> str:
    """A script that changes nothing and answers: state of each file, answer of each check."""
    parts = [
        'declare -A sums modes\nmark() { printf "%s %s\\n" "$nonce" "$*" >&3; }\n'
        # One stat and one sha256sum for all files.
    ]
    paths = sorted({item.path for item in primitives if isinstance(item, Write)})
    if paths:
        listed = words(paths)
        parts.append(
            f"while read -r sum path; do sums[$path]=$sum; done < <(sha256sum {listed} 2>/dev/null)\n"
            f"while read -r mode owner path; do modes[$path]=\"$mode $owner\"; done < <(stat -c '%a %U:%G %n' {listed} 2>/dev/null)\n"
            "file() {\n"
            '  mark file "$1" "${sums[$2]:--}" "${modes[$2]:-- -}"\n'
            # The old content travels only where a difference is to be shown.
            '  if [ -n "${sums[$2]:-}" ] && [ "${sums[$2]}" != "$3" ] && [ "$4" = shown ]; then\n'
            '    mark content "$1" "$(base64 -w0 "$2")"\n  fi\n}\n'
        )
    for number, item in enumerate(primitives):
        if isinstance(item, Write):
            shown = "secret" if item.secret else "shown"
            parts.append(f"file {number} {quote(item.path)} {sha256(item.content)} {shown}\n")
        else:
            check = item.unless if isinstance(item, Run) else item.check
            parts.append(
                f'reason="$( (set -u\n{check.script.rstrip()}\n) 2>&1)"\n'
                f'mark check {number} "$?" "${{reason//$\'\\n\'/ }}"\n'
            )
    return _frame(nonce, "".join(parts), "-s")


def sha256(content: bytes) -> str:
    """Hash of a file's content as sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


_APPLY = """\
mark() { printf "%s %s\\n" "$nonce" "$*" >&3; }
out="$(mktemp /run/hardway/out.XXXXXX)"
trap 'rm -f "$out"' EXIT
begin() { step="$1"; began="${EPOCHREALTIME/./}"; mark start "$1"; }
finish() { mark done "$step" "$1" "$((("${EPOCHREALTIME/./}" - began) / 1000))"; }
failed() { mark failed "$step" "$1" "$(tail -c 4000 "$out" | base64 -w0)"; exit 70; }
"""


def apply(nonce: str, holder: str, primitives: Iterable[tuple[int, Primitive]], inputs: Mapping[str, str]) -> str:
    """A script that carries out primitives in order and reports each one; it stops at the first failure."""
    parts = [
        _APPLY,
        f'printf \'%s, pid %s, since %s\\n\' {quote(holder)} "$$" "$(date -u +%FT%TZ)" >/run/hardway/holder\n',
    ]
    if inputs:
        parts.append(f"install -d -m 0700 {INPUTS}\n")
    for name, value in inputs.items():
        parts.append(f"(umask 077; cat >{quote(input_file(name))} <<'EOF'\n{value}\nEOF\n)\n")
    for number, item in primitives:
        parts.append(f"begin {number}\n")
        match item:
            case Write():
                parts.append(_write(item))
            case Run():
                parts.append(
                    f"(set -u\n{item.unless.script.rstrip()}\n) >/dev/null 2>&1\n"
                    'if [ "$?" = 0 ]; then finish ok; else\n'
                    # Not as a condition: bash would switch `set -e` off inside.
                    f'(set -euo pipefail\n{item.script.rstrip()}\n) >"$out" 2>&1\nrc="$?"\n'
                    '[ "$rc" = 0 ] || failed "$rc"\nfinish changed\nfi\n'
                )
            case Await():
                parts.append(_await(item))
    return _frame(nonce, "".join(parts), "-x")


def _write(item: Write) -> str:
    folder, _, name = item.path.rpartition("/")
    # Beside the target, with its final mode before the first byte. The dot hides it from the kubelet.
    beside, target = quote(f"{folder}/.{name}.hardway"), quote(item.path)
    encoded = base64.encodebytes(item.content).decode()
    return (
        f"(set -euo pipefail\nrm -f {beside}\n(umask 077; : >{beside})\n"
        f"chown {item.owner} {beside}\nchmod {octal(item.mode)} {beside}\n"
        f"base64 -d >{beside} <<'EOF'\n{encoded}EOF\n"
        f'mv -T {beside} {target}\n) >"$out" 2>&1\nrc="$?"\n'
        '[ "$rc" = 0 ] || failed "$rc"\nfinish changed\n'
    )


def _await(item: Await) -> str:
    check = f'reason="$( (set -u\n{item.check.script.rstrip()}\n) 2>&1)"\n'
    return (
        f"deadline=$((SECONDS + {int(item.limit)}))\n"
        f"while :; do\n{check}"
        '[ "$?" != 0 ] || break\n'
        f'if [ "$SECONDS" -ge "$deadline" ]; then printf "%s\\n" "$reason" >"$out"; failed timeout; fi\n'
        f"sleep {item.interval:g}\ndone\nfinish ok\n"
    )
