"""A root of its own: what runs there sees a node, and this machine sees nothing of it."""

import os
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.errors import Refused, StepFailed
from hardway.model import CA_DIRECTORIES, Facts, Node, Role
from hardway.renderers import sandbox, tree
from hardway.renderers.files import Entry, Kind, below, contents, file, from_tar, lay_out, to_tar
from hardway.steps import Check, Command, Directory, File

pytestmark = pytest.mark.parity

NODE = Node("master-1.c.example.com", "master-1", "10.0.0.1", frozenset({Role.CONTROL_PLANE}))


def output(script: str, node: Node = NODE, **more: dict[str, str]) -> list[str]:
    """Lines that the script prints inside."""
    return sandbox.run(sandbox.machine(node, **more), script).output.splitlines()


def running() -> set[bytes]:
    """Command lines of all processes on this machine, those in namespaces included."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.add(path.read_bytes())
    return found


def test_nothing_of_a_run_stays_on_this_machine() -> None:
    """No file, mount, host name or process of it is left."""
    # Nobody else on this machine sleeps for as long.
    seconds = f"1000.{os.getpid()}"
    host = [subprocess.run(["hostname"], capture_output=True, check=True).stdout, Path("/proc/mounts").read_bytes()]
    done = sandbox.run(
        sandbox.machine(NODE),
        "mkdir -p /etc/kubernetes-of-the-test /usr/lib/of-the-test /var/of-the-test\n"
        "touch /etc/kubernetes-of-the-test/a /run/of-the-test\nmount -t tmpfs none /var/of-the-test\n"
        # It holds no pipe, else the run would wait for it; and one that never came to run would not be left either.
        f"sleep {seconds} &>/dev/null &\nuntil grep -qx sleep /proc/$!/comm; do kill -0 $!; done\ndisown\n",
    )

    assert "/etc/kubernetes-of-the-test/a" in done.tree
    assert "/usr/lib/of-the-test" in done.tree
    assert not Path("/etc/kubernetes-of-the-test").exists()
    assert not Path("/usr/lib/of-the-test").exists()
    assert not Path("/run/of-the-test").exists()
    assert host == [
        subprocess.run(["hostname"], capture_output=True, check=True).stdout,
        Path("/proc/mounts").read_bytes(),
    ]
    assert f"sleep\0{seconds}\0".encode() not in running()


def test_the_node_has_its_name_and_no_network() -> None:
    """The node's name is the host name, and no address can be reached."""
    assert output("hostname; cut -d: -f1 /proc/net/dev | sed '1,2d;s/ //g'") == [
        NODE.name,
        "lo",
    ]


@pytest.mark.parametrize("present", [(), CA_DIRECTORIES, CA_DIRECTORIES[1:3]])
def test_the_facts_of_the_node_are_true(present: tuple[str, ...]) -> None:
    """CA directories exist as the facts say, whatever this machine has; so does systemd-resolved."""
    for resolved in (True, False):
        node = replace(NODE, facts=Facts(ca_directories=present, resolved=resolved))
        script = (
            f"for path in {' '.join(CA_DIRECTORIES)}; do if [ -e $path ]; then echo $path; fi; done\n"
            "if systemctl is-active systemd-resolved >/dev/null; then echo resolved; fi\n"
        )

        assert output(script, node) == [*present, *(["resolved"] if resolved else [])]


def test_the_tree_holds_what_was_given_and_what_was_made() -> None:
    """Modes, owners, links and bytes; nothing of the machine itself, and nothing of /run and /tmp."""
    start = {"/etc/x": Entry(Kind.DIRECTORY, 0o750), "/etc/x/given": file(b"\0\xff", 0o640)}
    script = (
        "cp -a /etc/x/given /etc/x/made; chown daemon:adm /etc/x/made; ln -s made /etc/x/link; touch /run/a /tmp/a\n"
    )
    done = sandbox.run(sandbox.machine(NODE), script, start).tree

    assert done == {
        "/etc": Entry(Kind.DIRECTORY, 0o755),
        **start,
        "/etc/x/link": Entry(Kind.LINK, 0o777, content=b"made"),
        "/etc/x/made": Entry(Kind.FILE, 0o640, "daemon:adm", b"\0\xff"),
    }


def test_a_failing_script_is_an_error_with_its_words() -> None:
    """The place, the code and what the script said on standard error."""
    with pytest.raises(StepFailed) as caught:
        sandbox.run(sandbox.machine(NODE), "echo 'no such luck' >&2\nfalse\n", what="the test")

    assert caught.value.where == "the test"
    assert caught.value.output == "no such luck"


def test_a_script_that_does_not_end_is_an_error() -> None:
    """It is ended, with everything that it started."""
    with pytest.raises(StepFailed, match=r"within 0\.5 s"):
        sandbox.run(sandbox.machine(NODE), "sleep 1001 & sleep 1001\n", limit=0.5)

    assert b"sleep\x001001\x00" not in running()


def test_a_tree_survives_tar_and_disk(tmp_path: Path) -> None:
    """A tree is the same after tar, and has its modes and bytes when laid out; a full directory is refused."""
    whole = {
        "/etc": Entry(Kind.DIRECTORY, 0o755),
        "/etc/d": Entry(Kind.DIRECTORY, 0o500),
        "/etc/d/key": file("secret", 0o600),
        "/etc/link": Entry(Kind.LINK, 0o777, content=b"d/key"),
    }
    lay_out(whole, tmp_path / "out")

    assert dict(from_tar(to_tar(whole))) == whole
    assert (tmp_path / "out/etc/link").read_text() == "secret"
    assert oct((tmp_path / "out/etc/d/key").stat().st_mode) == "0o100600"
    assert oct((tmp_path / "out/etc/d").stat().st_mode) == "0o40500"
    with pytest.raises(Refused):
        lay_out(whole, tmp_path / "out")


def test_steps_that_make_files_are_carried_out_and_asked() -> None:
    """Files are laid out, directories made, commands that need a cluster left out."""
    steps = [
        Directory("a", "/etc/x", 0o710),
        File("b", "/etc/x/f", "text\n", 0o604),
        Command("elsewhere", "talk to a cluster", "exit 1\n", Check("never", "exit 1\n")),
    ]

    made = below(tree.render(NODE, steps), "/etc/x")

    assert contents(made) == {"/etc/x/f": b"text\n"}
    assert [(path, entry.mode) for path, entry in made.items()] == [("/etc/x", 0o710), ("/etc/x/f", 0o604)]


def test_a_guard_that_is_not_content_afterwards_is_an_error() -> None:
    """The step and the guard's reason are told."""
    step = Command("certs/keys", "do nothing", ":\n", Check("never", "echo 'not done'; exit 1\n"))

    with pytest.raises(StepFailed, match="certs/keys: not content afterwards: not done"):
        tree.render(NODE, [step])
