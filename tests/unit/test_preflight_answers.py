"""No question that cannot be answered with no: each line of preflight and readiness in a state where it says yes and one
where it says no, asked of real files, tools and sockets of the test's own."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import pytest
from clusters import lab_cluster

from hardway.chapters import preflight
from hardway.chapters.ports import PORTS
from hardway.chapters.preflight import PREFLIGHT
from hardway.chapters.preflight_table import questions
from hardway.chapters.readiness import READINESS, SELINUX, SYNCHRONISED, has_address
from hardway.model import Cluster, Node, Role
from hardway.steps import Check

LAB = lab_cluster()
# The kubelet comes with the image here, so that its version is asked for.
IMAGE = replace(LAB, downloads=MappingProxyType({}))
MASTER = IMAGE.nodes[0]


@dataclass(frozen=True)
class State:
    """What a machine looks like: files below a root, programs in PATH, a word before the shell."""

    files: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    only: bool = False
    """Nothing but these programs is in PATH."""


def ask(check: Check, state: State, root: Path) -> tuple[int, str]:
    """The check as the engine asks it, on a machine in that state: paths in it lead below the root."""
    text = check.script
    for path in PLACES:
        text = text.replace(path, f"{root}{path}")
    for path, content in state.files.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text(content)
    folder = root / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in state.programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    done = subprocess.run(
        [*state.before.split(), "/bin/bash", "-c", "set -u\n" + text],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": str(folder) if state.only else f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


PLACES = (
    "/proc/meminfo",
    "/proc/swaps",
    "/proc/sys/net/ipv4/ip_forward",
    "/sys/fs/selinux/enforce",
    "/etc/selinux/config",
    "/run/systemd/container",
)

ONE_SWAP = "Filename\tType\tSize\tUsed\tPriority\n/swapfile\tfile\t1048572\t0\t-2\n"
SYSTEMCTL = 'case " $* " in *" is-active "*|*" is-enabled "*) exit {code} ;; esac'
CHRONY = "Reference ID    : A29FC87B (time)\nStratum         : 3\nLeap status     : {}\n"

TABLE: Mapping[str, tuple[State, State, str]] = {
    "IsPrivilegedUser": (State(), State(before="setpriv --reuid=65534 --clear-groups"), "it is not"),
    "NumCPU": (State(), State(before="taskset -c 0"), "there is 1"),
    "Mem": (
        State({"/proc/meminfo": "MemTotal:        1740800 kB\nMemFree: 1 kB\n"}),
        State({"/proc/meminfo": "MemTotal:        1740799 kB\nMemFree: 1 kB\n"}),
        "there are 1699 MB",
    ),
    "Firewalld": (
        State(programs={"systemctl": SYSTEMCTL.format(code=3)}),
        State(programs={"systemctl": SYSTEMCTL.format(code=0)}),
        "it is active",
    ),
    "FileContent--proc-sys-net-ipv4-ip_forward": (
        State({"/proc/sys/net/ipv4/ip_forward": "1\n"}),
        State({"/proc/sys/net/ipv4/ip_forward": "0\n"}),
        "it is not",
    ),
    "Swap": (
        State({"/proc/swaps": ONE_SWAP.splitlines(keepends=True)[0]}),
        State({"/proc/swaps": ONE_SWAP}),
        "it is on",
    ),
    "FileExisting-conntrack": (State(programs={"conntrack": ""}, only=True), State(only=True), "it is not"),
    "FileExisting-touch": (State(), State(only=True), "it is not"),
    "Hostname": (
        State(programs={"getent": "exit 0"}),
        State(programs={"getent": "exit 2"}),
        "it does not",
    ),
    "KubeletVersion": (
        State(programs={"kubelet": "echo Kubernetes v1.27.16"}),
        State(programs={"kubelet": "echo Kubernetes v1.31.0"}),
        "it is 1.31.0",
    ),
    "Service-Kubelet": (
        State(programs={"systemctl": SYSTEMCTL.format(code=0)}),
        State(programs={"systemctl": SYSTEMCTL.format(code=1)}),
        "it is not",
    ),
}
"""Name of the question, a state where it says yes, one where it says no, and the reason."""

ELSEWHERE = ("Port-", "FileAvailable-", "DirAvailable-", "HTTPProxy", "CRI", "SystemVerification", "FileExisting-")
"""Shown in both states by test_chapters_os_run, test_ports and tests/parity/test_chapters_os_preflight."""


def question(key: str) -> Check:
    (found,) = [check for check in questions(IMAGE, MASTER) if check.key == key]
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="one question is whether the user is root")
@pytest.mark.parametrize("key", TABLE)
def test_each_question_says_yes_and_no(key: str, tmp_path: Path) -> None:
    """In one state of the machine yes without a word, in the other no with its reason; and there is a cure."""
    fine, wrong, reason = TABLE[key]
    if key == "NumCPU" and (os.cpu_count() or 1) < 2:
        fine = wrong

    assert ask(question(key), wrong, tmp_path / "wrong") == (1, reason)
    assert ask(question(key), fine, tmp_path / "fine") == ((1, reason) if fine is wrong else (0, ""))
    assert question(key).hint


def test_no_question_is_left_out() -> None:
    """Whoever adds a question shows both of its answers, and writes a cure."""
    asked = [check for node in IMAGE.kubernetes_nodes for check in questions(IMAGE, node)]
    shown = (*TABLE, *ELSEWHERE)

    assert [check.key for check in asked if not check.key.startswith(shown)] == []
    assert [check.key for check in (*asked, SELINUX, SYNCHRONISED, has_address(MASTER)) if not check.hint] == []


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("", State(only=True)),
        ("", State({"/sys/fs/selinux/enforce": "0"})),
        ("", State({"/sys/fs/selinux/enforce": "0", "/etc/selinux/config": "SELINUX=permissive\n"})),
        # Where the kernel has no SELinux its configuration means nothing.
        ("", State({"/etc/selinux/config": "SELINUX=enforcing\n"})),
        ("it is", State({"/sys/fs/selinux/enforce": "1", "/etc/selinux/config": "SELINUX=enforcing\n"})),
        (
            "it will be after the next boot",
            State({"/sys/fs/selinux/enforce": "0", "/etc/selinux/config": "# SELINUX= can be\nSELINUX=enforcing\n"}),
        ),
    ],
)
def test_selinux(told: str, state: State, tmp_path: Path) -> None:
    """Enforcing now, or after the next boot."""
    if state.only:
        state = State()

    assert ask(SELINUX, state, tmp_path) == (1 if told else 0, told)


def timedatectl(answer: str) -> str:
    """What systemd's own prints for this property, and nothing else."""
    return f'[ "$*" = "show --property=NTPSynchronized --value" ] && echo {answer}'


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("", State(programs={"timedatectl": timedatectl("yes")})),
        ("it is not", State(programs={"timedatectl": timedatectl("no")})),
        ("", State(programs={"timedatectl": "exit 1", "chronyc": f"cat <<'EOF'\n{CHRONY.format('Normal')}EOF"})),
        (
            "neither timedatectl nor chronyc says that it is",
            State(
                programs={"timedatectl": "exit 1", "chronyc": f"cat <<'EOF'\n{CHRONY.format('Not synchronised')}EOF"}
            ),
        ),
        ("neither timedatectl nor chronyc says that it is", State(programs={"timedatectl": "exit 1"})),
        ("", State({"/run/systemd/container": "systemd-nspawn\n"}, {"timedatectl": timedatectl("no")})),
    ],
)
def test_time_synchronisation(told: str, state: State, tmp_path: Path) -> None:
    """systemd's word counts, then chrony's; silence is no. A container's clock is its host's."""
    assert ask(SYNCHRONISED, state, tmp_path) == (1 if told else 0, told)


def test_the_address_is_the_machines_own(tmp_path: Path) -> None:
    """Asked of the real interfaces; a longer address is another one."""
    answers = [ask(has_address(replace(MASTER, address=it)), State(), tmp_path) for it in ("127.0.0.1", "27.0.0.1")]

    assert answers == [(0, ""), (1, "no interface has it")]


def early(cluster: Cluster, node: Node) -> list[str]:
    chapters = (READINESS, PREFLIGHT, PORTS)
    return [check.key or check.name for chapter in chapters for check in chapter.before(cluster, node)]


def test_before_the_installation_nothing_is_asked_that_it_brings() -> None:
    """Tools, runtime and kernel parameters come with chapters 5-9; sizes, ports, names and files must fit before."""
    keys = early(LAB, LAB.nodes[0])

    assert {"NumCPU", "Mem", "Swap", "Firewalld", "SELinux", "TimeSync", "SystemVerification"} <= set(keys)
    assert {f"Port-{n}" for n in (6443, 2379, 2380, 2381, 10248, 10249, 10250, 10256, 10257, 10259)} <= set(keys)
    assert [key for key in keys if key.startswith("FileExisting-")] == [
        f"FileExisting-{name}" for name in ("mount", "nsenter", "touch")
    ]
    assert [key for key in keys if key.startswith(("CRI", "FileContent", "Service-"))] == []
    assert "FileExisting-crictl" in early(IMAGE, MASTER)
    assert "KubeletVersion" in early(IMAGE, MASTER)
    assert {check.key for check in preflight.before(LAB, LAB.nodes[3])} < {
        check.key for check in preflight.checks(LAB, LAB.nodes[3])
    }


HAPROXY = 'LISTEN 0 4096 0.0.0.0:6443 0.0.0.0:* users:(("haproxy",pid=1,fd=5))'
NGINX = HAPROXY.replace("haproxy", "nginx")


@pytest.mark.parametrize(
    ("told", "line"), [("", ""), ("", HAPROXY), ("it is in use", NGINX), ("it is in use", NGINX.split(" users")[0])]
)
def test_a_balancers_port(told: str, line: str, tmp_path: Path) -> None:
    """Free, or taken by the balancer that serves already; a balancer that is a master is asked as a master."""
    (check,) = PORTS.before(LAB, LAB.node("lb-1"))
    state = State(programs={"ss": f"[ -z '{line}' ] || echo '{line}'"})
    both = replace(MASTER, roles=frozenset({Role.CONTROL_PLANE, Role.LOAD_BALANCER}))

    assert ask(check, state, tmp_path) == (1 if told else 0, told)
    assert list(PORTS.before(replace(LAB, nodes=(both, *LAB.nodes[1:])), both)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="ss tells programs to root only")
def test_the_real_balancer_may_have_its_port(tmp_path: Path) -> None:
    """haproxy itself, seen by the real ss; anybody else on that port is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (check,) = PORTS.before(replace(LAB, balancer=replace(LAB.balancer, port=port)), LAB.node("lb-1"))
        taken = ask(check, State(), tmp_path)
    (tmp_path / "haproxy.cfg").write_text(
        f"defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nlisten a\n  bind 127.0.0.1:{port}\n"
    )
    with subprocess.Popen(["haproxy", "-db", "-q", "-f", tmp_path / "haproxy.cfg"]) as balancer:
        for _ in range(100):
            if f":{port} " in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout:
                break
            time.sleep(0.05)
        answer = ask(check, State(), tmp_path)
        balancer.terminate()

    assert (taken, answer) == ((1, "it is in use"), (0, ""))
