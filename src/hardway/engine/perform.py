"""The script that carries out what is due on a node, stage after stage, and reports every step as it goes."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hardway.engine.probe import debt
from hardway.engine.script import RUN, STEP_FAILED, frame
from hardway.steps import Await, Primitive, Run, Write
from hardway.steps.shell import INPUTS, input_file, octal, quote


@dataclass(frozen=True)
class Action:
    """One primitive that is sent, with the number under which the node reports it."""

    number: int
    primitive: Primitive
    sure: bool = False
    """The guard of a Run need not be asked again."""
    owes: tuple[Run, ...] = ()
    """Runs that become due by this Write."""


@dataclass(frozen=True)
class Part:
    """The actions of one stage."""

    number: int
    actions: tuple[Action, ...]
    makes: Mapping[str, str] = field(default_factory=dict)
    """Run inputs that can be read afterwards, to bash that prints the value; the values are sent back at once."""


_FUNCTIONS = f"""\
out={RUN}/out
(umask 077; : >"$out")
now() {{ t="${{EPOCHREALTIME:-$SECONDS.000000}}"; t="${{t/./}}"; }}
begin() {{ step="$1"; now; began="$t"; mark start "$1"; }}
finish() {{ now; mark 'done' "$step" "$1" "$(((t - began) / 1000))"; }}
failed() {{ now; mark failed "$step" "$1" "$(((t - began) / 1000))" "$(tail -c 4000 "$out" | base64 -w0)"; exit {STEP_FAILED}; }}
# put NUMBER PATH MODE USER GROUP, content as base64 on standard input. The file beside the target has its final
# owner and mode before the first byte; the dot hides it from the kubelet.
put() {{
  begin "$1"
  local beside="${{2%/*}}/.${{2##*/}}.hardway"
  if {{ install -m "$3" -o "$4" -g "$5" /dev/null "$beside" && base64 -d >"$beside" && mv -fT "$beside" "$2"; }} 2>"$out"
  then finish changed
  else local rc=$?; rm -f "$beside"; failed "$rc"
  fi
}}
# run NUMBER sure|ask CHECK SCRIPT
run() {{
  begin "$1"
  if [ "$2" = ask ] && ask "$3"; then finish ok; return; fi
  local rc code="$4"
  set --
  # Not as a condition: bash would switch `set -e` off inside.
  (set -euo pipefail; eval "$code") >"$out" 2>&1 3>&-
  rc=$?
  [ "$rc" = 0 ] || failed "$rc"
  finish changed
}}
# poll NUMBER LIMIT INTERVAL CHECK, limit in microseconds
poll() {{
  local said
  begin "$1"
  said="$began"
  until ask "$4"; do
    now
    [ "$((t - began))" -lt "$2" ] || {{ printf '%s\\n' "$reason" >"$out"; failed timeout; }}
    # Once a second somebody is told, and a client that is gone is noticed.
    [ "$((t - said))" -lt 1000000 ] || {{ mark waiting "$1" "$reason"; said="$t"; }}
    sleep "$3"
  done
  finish ok
}}
lay() {{ (umask 077; cat >"$1.new"); mv -f "$1.new" "$1"; }}
"""


def script(nonce: str, holder: str, parts: Sequence[Part], inputs: Mapping[str, str]) -> str:
    """All parts in order; it stops at the first failure. `inputs` are laid down before anything else."""
    body = [_FUNCTIONS, *_lay_down(inputs)]
    for part in parts:
        for action in part.actions:
            body += _action(action)
        body += [f"tell {quote(name)} {quote(question)}\n" for name, question in part.makes.items()]
        body.append(f"mark stage {part.number}\n")
    return frame(nonce, "".join(body), lock="-x", holder=holder)


def _lay_down(inputs: Mapping[str, str]) -> Iterable[str]:
    if inputs:
        yield f"mkdir -p -m 0700 {INPUTS}\n"
    for name, value in inputs.items():
        yield f"lay {quote(input_file(name))} <<'EOF'\n{value}\nEOF\n"


def _action(action: Action) -> Iterable[str]:
    match action.primitive:
        case Write() as write:
            if action.owes:
                debts = " ".join(f'"{debt(run)}"' for run in action.owes)
                yield f"mkdir -p -m 0700 {RUN}/owed\ntouch {debts}\n"
            user, _, group = write.owner.partition(":")
            encoded = base64.encodebytes(write.content).decode()
            yield (
                f"put {action.number} {quote(write.path)} {octal(write.mode)} {quote(user)} {quote(group)}"
                f" <<'EOF'\n{encoded}EOF\n"
            )
        case Run() as run:
            mode = "sure" if action.sure else "ask"
            yield f"run {action.number} {mode} {quote(run.unless.script)} {quote(run.script)}\n"
            if run.watches:
                yield f"rm -f {debt(run)}\n"
        case Await() as wait:
            limit = int(wait.limit * 1_000_000)
            yield f"poll {action.number} {limit} {wait.interval:g} {quote(wait.check.script)}\n"
