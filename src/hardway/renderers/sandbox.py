"""A root of its own on this machine, in which scripts meant for a node can run and leave their files.

Mount, UTS, network, IPC and PID namespaces, and a chroot: `/usr` is this machine's, seen through an overlay in memory
(or another system's, that lies unpacked in a directory);
`/etc`, `/var` and all else are new and empty; there is no network. Nothing that runs inside reaches this machine's
files or services, and nothing is left of it afterwards. Needs root.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hardway.errors import HardwayError, StepFailed
from hardway.model import CA_DIRECTORIES, Node
from hardway.renderers.files import Entry, Kind, Tree, from_tar, to_tar
from hardway.steps.shell import quote

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


ALONE = (
    *("unshare", "--mount", "--uts", "--net", "--ipc", "--pid"),
    *("--fork", "--kill-child", "--propagation=private"),
)
"""Runs a command in namespaces of its own. When unshare is killed they end, and everything that runs or is mounted in them."""

_OF_EVERY_MACHINE = ("/usr", "/root", "/etc", "/var", "/var/lib", "/run", "/tmp")
"""Directories of `ROOT` in which files are laid."""

LIMIT = 300.0
"""Seconds that a script may take."""


@dataclass(frozen=True)
class Machine:
    """What programs find inside."""

    hostname: str
    directories: tuple[str, ...] = ()
    """Directories that exist and are empty."""
    absent: tuple[str, ...] = ()
    """Directories of this machine that must not be seen."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Name to text of commands that stand in for what cannot run here, such as systemctl."""
    programs: Mapping[str, Path] = field(default_factory=dict)
    """Name to file of programs of this machine that lie outside its /usr."""
    folders: tuple[Path, ...] = ()
    """Directories of this machine, outside its /usr, that can be read at their own place."""
    system: Path = Path("/")
    """Root of the system whose programs run inside; this machine's own, or an unpacked one of the same architecture."""


@dataclass(frozen=True)
class Outcome:
    """What a run leaves."""

    tree: Tree
    output: str


def machine(
    node: Node, programs: Mapping[str, Path] | None = None, scripts: Mapping[str, str] | None = None
) -> Machine:
    """A machine of the node's name on which the node's facts are true."""
    facts = node.facts
    resolved = "echo active" if facts.resolved else "echo inactive; exit 3"
    systemctl = (
        "#!/bin/bash\n# No systemd runs here: every unit is there and does what it is told.\n"
        f'case " $* " in\n  *" is-active "*systemd-resolved*) {resolved} ;;\n'
        # Asked when the unit became active: just now.
        '  *" show "*) date +@%s.%N ;;\nesac\nexit 0\n'
    )
    own = tuple(dict.fromkeys(Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)))
    python = f'#!/bin/bash\nexec {quote(sys.executable)} "$@"\n'
    return Machine(
        node.name,
        facts.ca_directories,
        tuple(path for path in CA_DIRECTORIES if path not in facts.ca_directories),
        # The Python that runs this has the cryptography library; the machine's own may lack it.
        {"systemctl": systemctl, "python3": python, **(scripts or {})},
        programs or {},
        tuple(path for path in own if not path.is_relative_to("/usr")),
    )


def run(on: Machine, script: str, start: Tree | None = None, *, what: str = "", limit: float = LIMIT) -> Outcome:
    """Run bash text (`set -euo pipefail`, umask 022) on such a machine that has the files of `start`.

    The tree of the outcome holds these files and everything that the script added or changed, outside /run and /tmp.
    StepFailed, with `what` as its place, when the script ends with another code than 0 or not within the limit (s).
    """
    with laid_out(on, start or {}, what) as (work, arguments):
        (work / "script").write_text(f"set -euo pipefail\numask 022\n{script}")
        (work / "enter").write_text(_ENTER)
        try:
            done = subprocess.run(
                [*ALONE, "bash", "enter", *arguments],
                cwd=work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=limit,
            )
        except subprocess.TimeoutExpired as late:
            said = (late.stderr or late.stdout or b"").decode(errors="replace")
            raise StepFailed(f"a script did not end within {limit:g} s", what, output=said[-2000:]) from None
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace") or output
            raise StepFailed(
                f"a script ended with {done.returncode}", what, output="\n".join(said.splitlines()[-40:])
            )
        tree: dict[str, Entry] = dict(from_tar((work / "root.tar").read_bytes()))
        tree |= dict(from_tar((work / "usr.tar").read_bytes(), "/usr"))
        return Outcome(dict(sorted(tree.items())), output)


def with_parents(*folders: str) -> dict[str, Entry]:
    """These directories and those above them that a machine lacks, for `start`: everybody may look into them."""
    paths = {str(path) for folder in folders for path in (PurePosixPath(folder), *PurePosixPath(folder).parents)}
    return {path: Entry(Kind.DIRECTORY, 0o755) for path in paths - {"/", *_OF_EVERY_MACHINE}}


def added_directories(tree: Tree) -> Iterator[str]:
    """Directories of an outcome, outside /usr, that the machine did not have before."""
    return (
        path
        for path, entry in tree.items()
        if entry.kind is Kind.DIRECTORY and path not in _OF_EVERY_MACHINE and not path.startswith("/usr/")
    )


@contextmanager
def laid_out(on: Machine, start: Tree, what: str = "") -> Iterator[tuple[Path, list[str]]]:
    """A directory with what `ROOT` makes a root of, and its arguments; what is laid beside that, bash finds in `$work`."""
    if os.geteuid() != 0:
        raise HardwayError("a root of its own can only be made by root", what, hint="run the command with sudo")
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        work = Path(folder)
        (work / "start.tar").write_bytes(to_tar(start))
        for name in ("layer", "usr-layer/bin", "usr-layer/local/bin", "space"):
            (work / name).mkdir(parents=True)
        for name, text in on.scripts.items():
            path = work / "usr-layer/bin" / name
            path.write_text(text)
            path.chmod(0o755)
        for name in on.programs:
            (work / "usr-layer/local/bin" / name).touch(0o755)
        for path in on.folders:
            if not path.is_relative_to("/tmp"):
                (work / f"layer{path}").mkdir(parents=True)
        _shape(work, on)
        mounts = [
            word for name, path in on.programs.items() for word in (f"/usr/local/bin/{name}", str(path.resolve()))
        ]
        mounts += [word for path in on.folders for word in (str(path), str(path))]
        yield work, [folder, on.hostname, str(on.system).rstrip("/"), *mounts]


def _shape(work: Path, on: Machine) -> None:
    """Put the wanted directories into the layers, and a whiteout where one must not be seen."""
    for path in on.directories:
        _layered(work, path).mkdir(parents=True, exist_ok=True)
    for path in on.absent:
        if path.startswith("/usr/"):
            whiteout = _layered(work, path)
            whiteout.parent.mkdir(parents=True, exist_ok=True)
            os.mknod(whiteout, 0o020000, os.makedev(0, 0))


def _layered(work: Path, path: str) -> Path:
    """Place of a path in the layer that it belongs to; outside /usr nothing of this machine shows through."""
    return work / (f"usr-layer{path.removeprefix('/usr')}" if path.startswith("/usr/") else f"layer{path}")


ROOT = """\
set -euo pipefail
work="$1" name="$2" system="$3"
shift 3
space="$work/space"
mount -t tmpfs -o mode=0755 tmpfs "$space"
mkdir "$space"/{base,layer,upper,work,usr-layer,usr-upper,usr-work,root}
cp -a "$work/layer/." "$space/layer"
cp -a "$work/usr-layer/." "$space/usr-layer"
# The part of the machine without which nothing runs: linker, names of users, alternatives.
for link in bin sbin lib lib32 lib64 libx32; do
  if [ -L "$system/$link" ]; then cp -a "$system/$link" "$space/base/"; fi
done
mkdir -p "$space"/base/{usr,dev,proc,run,tmp,root,etc,var/lib}
chmod 0700 "$space/base/root"
for file in passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives localtime; do
  if [ -e "$system/etc/$file" ]; then cp -a "$system/etc/$file" "$space/base/etc/"; fi
done
root="$space/root"
mount -t overlay overlay -o "lowerdir=$space/layer:$space/base,upperdir=$space/upper,workdir=$space/work" "$root"
mount -t overlay overlay -o "lowerdir=$space/usr-layer:$system/usr,upperdir=$space/usr-upper,workdir=$space/usr-work" \\
  "$root/usr"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$#" -gt 0 ]; do
  # What is shown may lie below /tmp, which is empty here.
  [ -e "$root$1" ] || mkdir -p "$root$1"
  mount --bind -o ro "$2" "$root$1"
  shift 2
done
printf '%s\\n' "$name" >/proc/sys/kernel/hostname
tar -x -p --same-owner -C "$root" -f "$work/start.tar"
"""
"""bash that mounts the root at `$root` and fills it; for namespaces of its own."""

ENVIRONMENT = f"PATH={SEARCH} HOME=/root LC_ALL=C.UTF-8"
"""What a script inside finds set."""

_ENTER = f"""\
{ROOT}\
exec 3<"$work/script"
env -i {ENVIRONMENT} chroot "$root" /bin/bash /dev/fd/3 </dev/null
tar -c -C "$space/upper" -f "$work/root.tar" .
tar -c -C "$space/usr-upper" -f "$work/usr.tar" .
"""
