"""The script that asks a node for everything at once and changes nothing, and what it answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256 as digest

from hardway.engine.script import RUN, Line, decode, frame, sha256
from hardway.steps import Await, Check, Primitive, Run, Write
from hardway.steps.shell import quote

LARGEST_DIFF = 1 << 20
"""Bytes; the old content of a larger file does not travel."""


@dataclass(frozen=True)
class FileState:
    """A file as it is on the node; every field is empty where there is none."""

    sha256: str = ""
    """Empty for what is not a regular file, too."""
    mode: str = ""
    owner: str = ""
    kind: str = ""
    content: str | None = field(default=None, repr=False)
    """Only where it differs from the wish and may be shown."""


@dataclass(frozen=True)
class Answer:
    """What a check said: 0 is yes, 1 is no, REFUSED a no that stops the run, anything else that it could not tell."""

    code: int
    reason: str = ""
    owed: bool = False
    """An interrupted run changed a file that the Run watches and did not come to the Run itself."""

    @property
    def yes(self) -> bool:
        return self.code == 0 and not self.owed


@dataclass(frozen=True)
class Answers:
    """The state of one node, for one list of primitives."""

    files: Mapping[str, FileState] = field(default_factory=dict)
    """By path."""
    checks: Mapping[int, Answer] = field(default_factory=dict)
    """By place in the list."""
    inputs: Mapping[str, str] = field(default_factory=dict, repr=False)


def debt(run: Run) -> str:
    """File that stands from the change of a watched file until the run is done (survives a killed script)."""
    return f"{RUN}/owed/{digest(f'{run.step} {run.title}'.encode()).hexdigest()[:16]}"


def script(
    nonce: str, primitives: Sequence[Primitive], inputs: Mapping[str, str] | None = None, width: int = 4
) -> str:
    """The probe of these primitives; `width` checks are asked side by side. `inputs`: names to bash that prints the value."""
    body = [*_files(primitives), *_checks(primitives, width), *_inputs(inputs or {})]
    return frame(nonce, "".join(body), lock="-s")


def ask_script(nonce: str, checks: Sequence[Check], width: int = 4) -> str:
    """Only the checks, without the lock: they may be asked while somebody works on the node."""
    waits: list[Primitive] = [Await("", check, 0) for check in checks]
    return frame(nonce, "".join(_checks(waits, width)))


def read_script(nonce: str, inputs: Mapping[str, str]) -> str:
    """Only the run inputs, as far as they are there."""
    return frame(nonce, "".join(_inputs(inputs)))


_FILES = f"""\
declare -A place size
for i in "${{!paths[@]}}"; do place[${{paths[i]}}]=$i; done
regular=()
# One stat and one sha256sum for all files.
while IFS=$'\\t' read -r mode owner bytes kind path; do
  mark file "${{place[$path]}}" "$mode" "$owner" "$kind"
  case "$kind" in regular*) regular+=("$path"); size[$path]=$bytes ;; esac
done < <(stat --printf '%a\\t%U:%G\\t%s\\t%F\\t%n\\n' -- "${{paths[@]}}" 2>/dev/null)
if [ "${{#regular[@]}}" -gt 0 ]; then
  while read -r sum path; do
    i="${{place[$path]}}"
    mark sum "$i" "$sum"
    # The old content travels only where a difference is to be shown.
    if [ "${{wanted[i]}}" != - ] && [ "${{wanted[i]}}" != "$sum" ] && [ "${{size[$path]}}" -le {LARGEST_DIFF} ]; then
      mark content "$i" "$(base64 -w0 -- "$path")"
    fi
  done < <(sha256sum -- "${{regular[@]}}" 2>/dev/null)
fi
"""


def _paths(primitives: Sequence[Primitive]) -> dict[str, Write]:
    """Files asked about; where a path is written twice the last one counts."""
    return {item.path: item for item in primitives if isinstance(item, Write)}


def _files(primitives: Sequence[Primitive]) -> Iterable[str]:
    if writes := _paths(primitives):
        yield f"paths=({' '.join(quote(path) for path in writes)})\n"
        yield f"wanted=({' '.join('-' if w.secret else sha256(w.content) for w in writes.values())})\n"
        yield _FILES


_CHECKS = """\
running=0
check() {
  [ "$running" -lt "$width" ] || { wait -n; running=$((running - 1)); }
  { ask "$2"; mark check "$1" "$?" "$reason"; } &
  running=$((running + 1))
}
"""


def _checks(primitives: Sequence[Primitive], width: int) -> Iterable[str]:
    asked = [(number, item) for number, item in enumerate(primitives) if not isinstance(item, Write)]
    if asked:
        yield f"width={max(width, 1)}\n{_CHECKS}"
    for number, item in asked:
        if isinstance(item, Run) and item.watches:
            yield f"[ ! -e {debt(item)} ] || mark owed {number}\n"
        check = item.unless if isinstance(item, Run) else item.check
        yield f"check {number} {quote(check.script)}\n"
    if asked:
        yield "wait\n"


def _inputs(inputs: Mapping[str, str]) -> Iterable[str]:
    return (f"tell {quote(name)} {quote(question)}\n" for name, question in inputs.items())


def answers(primitives: Sequence[Primitive], lines: Iterable[Line]) -> Answers:
    """The lines of a probe as data."""
    paths = list(_paths(primitives))
    files: dict[str, FileState] = {}
    checks: dict[int, Answer] = {}
    owed: set[int] = set()
    inputs: dict[str, str] = {}
    stats: dict[str, tuple[str, str, str]] = {}
    sums: dict[str, str] = {}
    contents: dict[str, str] = {}
    for line in lines:
        match line.kind:
            case "file":
                place, mode, owner, kind = line.split(3)
                stats[paths[int(place)]] = (mode, owner, kind)
            case "sum":
                sums[paths[int(line.words[0])]] = line.words[1]
            case "content":
                place, encoded = line.split(1)
                contents[paths[int(place)]] = decode(encoded)
            case "owed":
                owed.add(int(line.rest))
            case "check":
                place, code, reason = line.split(2)
                checks[int(place)] = Answer(int(code), reason.strip(), int(place) in owed)
            case "input":
                name, value = line.split(1)
                inputs[name] = value.strip()
    for path, (mode, owner, kind) in stats.items():
        files[path] = FileState(sums.get(path, ""), mode, owner, kind, contents.get(path))
    return Answers(files, checks, inputs)
