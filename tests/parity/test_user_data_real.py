"""Real cloud-init reads what is rendered, and leaves what bash leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest
import real_cloud_init
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hardway.chapters.chapter import Chapter
from hardway.config import load
from hardway.model import Cluster, Facts, Network, Node, Proxy
from hardway.renderers import bash, cloud_init, sandbox
from hardway.renderers.files import Entry, Kind, Tree, contents
from hardway.steps import Check, Command, Directory, File, Service, Step
from hardway.steps.shell import body
from hardway.workflows.first_boot import FIRST_BOOT
from hardway.workflows.stage import Stage, everywhere

pytestmark = pytest.mark.parity

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("lab", "my-first-cluster")


def example(name: str) -> Cluster:
    return load(ROOT / "examples" / name / "cluster.yaml")


@pytest.mark.parametrize("name", EXAMPLES)
def test_cloud_init_knows_every_word(name: str) -> None:
    """`cloud-init schema` finds every part of every node valid."""
    cluster = replace(example(name), files=MappingProxyType({**example(name).files, "/etc/key": SECRET}))
    tree = cloud_init.render(cluster, FIRST_BOOT, cluster.nodes)
    parts = [path for path in tree if not path.endswith("/meta-data")]
    folders = {path.rpartition("/")[0]: Entry(Kind.DIRECTORY, 0o755) for path in tree}
    script = "".join(f"cloud-init schema --config-file {path}\n" for path in parts)

    done = sandbox.run(real_cloud_init.machine(cluster.nodes[0]), script, {**folders, **tree})

    assert done.output.splitlines() == [f"Valid cloud-config: {path}" for path in parts]
    assert sum(path.endswith("/secret") for path in parts) == len(cluster.control_planes)


def by_bash(cluster: Cluster, stages: Sequence[Stage], node: Node) -> Tree:
    """What the rendered scripts leave, without the steps that cloud-init leaves to apply."""
    parts = ["export RECORD=1\n"]
    for stage in stages:
        placed = tuple(item for _, item in cloud_init.primitives(cluster, [stage], node))
        if placed:
            script = bash.script(cluster, stage, node, placed)
            parts.append(body(script.encode(), "cat >/run/script") + "bash /run/script </dev/null\n")
    outcome = sandbox.run(real_cloud_init.machine(node), "".join(parts), real_cloud_init.recorders(), what="bash")
    return real_cloud_init.left(outcome)


def by_cloud_init(cluster: Cluster, stages: Sequence[Stage], node: Node) -> Tree:
    """What a first boot with the rendered parts leaves."""
    tree = cloud_init.render(cluster, stages, [node])
    user_data, secret = tree[f"/{node.host_name}/user-data"], tree.get(f"/{node.host_name}/secret")
    handed = real_cloud_init.multi_part(node, [user_data.content, secret.content]) if secret else user_data.content
    booted = real_cloud_init.boot(node, handed, real_cloud_init.recorders())
    assert booted.errors == (), "\n".join(booted.log)
    return real_cloud_init.left(booted.outcome)


def assert_same(cluster: Cluster, stages: Sequence[Stage], node: Node) -> None:
    """Both ways leave the same files, and have called the same commands in the same order."""
    one, other = by_bash(cluster, stages, node), by_cloud_init(cluster, stages, node)

    assert contents(one) == contents(other)
    assert one == other
    assert real_cloud_init.CALLS in one


SECRET = "-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n"
texts = st.one_of(
    st.sampled_from(
        ["", "\n", "EOF\n", "a: [b\n", "no newline", "tab\tand space \n", "crlf\r\n", "#cloud-config\n", SECRET]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
)
words = st.text("abcxyz09-_.@ '\"$\\%é", min_size=1, max_size=8).filter(lambda word: word.strip(". "))
modes = st.sampled_from([0o644, 0o600, 0o755, 0o400, 0o640])
owners = st.sampled_from(["root:root", "root:root", "root:adm", "daemon:daemon"])


@dataclass(frozen=True)
class Drawn:
    """What differs from an example's inventory."""

    example: str
    node: int
    facts: Facts
    files: dict[str, str]
    downloads: frozenset[str]
    proxy: Proxy
    network: bool

    def cluster(self) -> Cluster:
        base = example(self.example)
        return replace(
            base,
            nodes=tuple(replace(node, facts=self.facts) for node in base.nodes),
            files=MappingProxyType({**base.files, **self.files}),
            downloads=MappingProxyType({name: it for name, it in base.downloads.items() if name in self.downloads}),
            network=base.network if self.network else Network(),
            proxy=self.proxy,
        )


UNSHRUNK = (Phase.explicit, Phase.generate)
"""An example takes seconds: the first that fails is shown as it is."""

inventories = st.builds(
    Drawn,
    st.sampled_from(EXAMPLES),
    st.integers(0, 4),
    st.builds(Facts, resolved=st.booleans(), arch=st.sampled_from(["amd64", "arm64"])),
    st.dictionaries(words.map(lambda word: f"/etc/kubernetes/{word}"), texts, max_size=4),
    st.frozensets(st.sampled_from(["runc", "containerd", "kubelet", "etcd", "kubectl", "cni-plugins"])),
    st.sampled_from([Proxy(), Proxy("http://proxy.example.com:3128", "", ("10.0.0.0/8",))]),
    st.booleans(),
)


@settings(max_examples=6, phases=UNSHRUNK)
@given(inventories)
def test_bash_and_cloud_init_leave_the_same_for_any_inventory(drawn: Drawn) -> None:
    """All chapters of a first boot, carried out by both, with stand-ins for systemd and packages."""
    cluster = drawn.cluster()
    assert_same(cluster, FIRST_BOOT, cluster.nodes[drawn.node % len(cluster.nodes)])


@st.composite
def chapters(draw: st.DrawFn) -> tuple[tuple[Step, ...], ...]:
    """Chapters of files and commands in any order; every path once, as in real chapters."""
    paths = iter(draw(st.lists(words, min_size=24, max_size=24, unique=True)))
    counter = iter(range(1000))

    def a_file() -> Step:
        name = next(paths)
        return File(
            f"c/file-{next(counter)}",
            f"/etc/drawn/{name}",
            draw(texts),
            draw(modes),
            draw(owners),
            draw(st.booleans()),
        )

    def a_directory() -> Step:
        name = next(paths)
        return Directory(
            f"c/dir-{next(counter)}", f"/srv/{name}", draw(st.sampled_from([0o700, 0o755])), draw(owners)
        )

    def a_command() -> Step:
        number = next(counter)
        script = f'modprobe {number}\nprintf \'%s\\n\' {number} "$HOME" "$(umask)" >>/var/ran\n'
        done = Check("it was done", f"grep -qx {number} /var/ran 2>/dev/null || {{ echo 'not yet'; exit 1; }}\n")
        return Command(f"c/run-{number}", "do it", script, done, draw(st.booleans()))

    def a_service() -> Step:
        return Service(f"c/unit-{next(counter)}", (f"u{next(counter)}.service",))

    kinds = st.sampled_from([a_file, a_file, a_directory, a_command, a_service])
    return tuple(
        tuple(kind() for kind in draw(st.lists(kinds, min_size=1, max_size=8)))
        for _ in range(draw(st.integers(1, 3)))
    )


@settings(max_examples=6, phases=UNSHRUNK)
@given(chapters())
def test_bash_and_cloud_init_leave_the_same_for_any_chapter(drawn: tuple[tuple[Step, ...], ...]) -> None:
    """Any files (text or not, secret or not, of any mode and owner) and any commands."""

    def stage(number: int, steps: tuple[Step, ...]) -> Stage:
        def of(cluster: Cluster, node: Node) -> Iterator[Step]:
            # A directory of its own, that exists for both before the first file.
            yield Directory("c/drawn", "/etc/drawn")
            yield from steps

        return Stage(Chapter(f"c{number}", "Drawn", (), steps=of), everywhere)

    cluster = example("lab")
    assert_same(cluster, [stage(number, steps) for number, steps in enumerate(drawn)], cluster.nodes[0])


@pytest.mark.parametrize(
    ("failing", "step"), [("sysctl", "sysctls/apply"), ("apt-get", "base-os/packages"), ("", "")]
)
def test_a_failing_step_is_seen_and_ends_it(failing: str, step: str) -> None:
    """cloud-init's status says error, its log names the step last, and no later command ran; done where all went well."""
    cluster = example("lab")
    node = cluster.node("worker-1")
    user_data = cloud_init.render(cluster, FIRST_BOOT, [node])["/worker-1/user-data"].content

    booted = real_cloud_init.boot(
        node, user_data, real_cloud_init.recorders(failing), "cloud-init status --long || true\n"
    )

    status = booted.outcome.output.partition("status: ")[2].splitlines()[0]
    assert (status, len(booted.errors)) == (("error", 1) if failing else ("done", 0))
    if failing:
        said = [line for line in booted.log if line.startswith("hardway: ")]
        calls = booted.outcome.tree[real_cloud_init.CALLS].content.decode().splitlines()
        assert said[-1] == f"hardway: {step}"
        assert calls[-1].startswith(failing)
        assert "scripts-user" in booted.errors[0]


def test_nothing_runs_where_files_were_not_written() -> None:
    """A directory stands where a file should be: write_files ends there, and no command is run."""
    cluster = example("lab")
    node = cluster.node("worker-1")
    user_data = cloud_init.render(cluster, FIRST_BOOT, [node])["/worker-1/user-data"].content
    blocked = {
        "/etc/sysctl.d": Entry(Kind.DIRECTORY, 0o755),
        "/etc/sysctl.d/99-network.conf": Entry(Kind.DIRECTORY, 0o755),
        **real_cloud_init.recorders(),
    }

    booted = real_cloud_init.boot(node, user_data, blocked)

    assert booted.outcome.tree[real_cloud_init.CALLS].content == b""
    assert "hardway: write_files did not come to /var/lib/kubelet/config.yaml" in booted.log
    assert any("write-files" in error for error in booted.errors)
