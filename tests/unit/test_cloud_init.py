"""User-data as data: nothing is lost, nothing is reordered, nothing secret is in the main part."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from clusters import ipv6_cluster, lab_cluster, minimal_cluster
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hardway.cli.app import app
from hardway.config import load
from hardway.errors import Refused, UsageError
from hardway.model import Cluster, Node
from hardway.model.dns import records
from hardway.renderers import bash, cloud_init
from hardway.steps import Await, Check, Run, Write, lower, lower_all
from hardway.steps.vocabulary import Command, File
from hardway.workflows.first_boot import CHAPTERS, FIRST_BOOT, LEFT_TO_APPLY

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml"
NEVER = Check("never", "exit 1\n")
KEY = "-----BEGIN PRIVATE KEY-----\ndo-not-tell-anybody\n-----END PRIVATE KEY-----\n"


def document(cluster: Cluster, node: Node, part: str = "user-data") -> dict[str, Any]:
    """One part as a YAML parser sees it."""
    text = cloud_init.render(cluster, FIRST_BOOT, [node])[f"/{node.host_name}/{part}"].content.decode()
    value: dict[str, Any] = yaml.safe_load(text)
    return value


def decoded(entry: dict[str, Any]) -> bytes:
    """What cloud-init writes."""
    content: str = entry["content"]
    return base64.b64decode(content) if entry.get("encoding") == "b64" else content.encode()


@pytest.mark.parametrize(
    "cluster", [lab_cluster(), ipv6_cluster(), minimal_cluster()], ids=["lab", "ipv6", "minimal"]
)
def test_files_and_commands_are_those_of_the_lowering(cluster: Cluster) -> None:
    """Each Write is an entry of write_files and each Run stands in runcmd with its bash text, in order."""
    for node in cluster.nodes:
        placed = [item for _, item in cloud_init.primitives(cluster, FIRST_BOOT, node)]
        value = document(cluster, node)
        scripts = "\n".join(command[-1] for command in value["runcmd"] if isinstance(command, list))

        assert [(w.path, f"{w.mode:04o}", w.content) for w in placed if isinstance(w, Write)] == [
            (entry["path"], entry["permissions"], decoded(entry)) for entry in value.get("write_files", [])
        ]
        position = 0
        for item in placed:
            if not isinstance(item, Write):
                position = scripts.index(bash.text(item), position)


def test_nothing_needs_what_exists_only_at_run_time() -> None:
    """No run input and no wait is left, and each step that is left out is one of these chapters."""
    cluster = lab_cluster()
    stages = [(stage, node) for stage in FIRST_BOOT for node in stage.on(cluster)]
    steps = {step.id for stage, node in stages for step in stage.chapter.steps(cluster, node)}
    placed = [item for node in cluster.nodes for _, item in cloud_init.primitives(cluster, FIRST_BOOT, node)]

    assert [item for item in placed if isinstance(item, Await) or (isinstance(item, Run) and item.inputs)] == []
    assert set(LEFT_TO_APPLY) <= steps
    assert {stage.chapter for stage in FIRST_BOOT} == set(CHAPTERS)


def test_only_what_needs_the_cluster_is_left_out() -> None:
    """Everything else of these chapters is in the user-data."""
    cluster = lab_cluster()
    for node in cluster.nodes:
        steps = [
            step for stage in FIRST_BOOT if node in stage.on(cluster) for step in stage.chapter.steps(cluster, node)
        ]
        wanted = list(lower_all(step for step in steps if step.id not in LEFT_TO_APPLY))

        assert wanted == [item for _, item in cloud_init.primitives(cluster, FIRST_BOOT, node)]


def test_no_file_comes_before_a_package_that_brings_it() -> None:
    """Files are written before any command: none of them lies where packages of these chapters put theirs."""
    owned = ("/etc/haproxy/", "/usr/share/", "/usr/bin/", "/usr/sbin/", "/etc/ssl/", "/etc/default/locale")
    cluster = lab_cluster()
    for node in cluster.nodes:
        for _, item in cloud_init.primitives(cluster, FIRST_BOOT, node):
            assert not (isinstance(item, Write) and item.path.startswith(owned))


def test_secrets_are_apart() -> None:
    """A secret file stands in a part of its own that nobody else may read, and on masters only."""
    cluster = replace(lab_cluster(), files=MappingProxyType({"/etc/kubernetes/enc.key": KEY, "/etc/plain": "a\n"}))
    tree = cloud_init.render(cluster, FIRST_BOOT, cluster.nodes)
    parts = {path: entry for path, entry in tree.items() if path.endswith("/secret")}

    assert sorted(parts) == ["/master-1/secret", "/master-2/secret", "/master-3/secret"]
    assert {entry.mode for entry in parts.values()} == {0o600}
    assert [path for path, entry in tree.items() if b"do-not-tell" in entry.content] == sorted(parts)
    assert document(cluster, cluster.node("master-1"), "secret")["write_files"] == [
        {"path": "/etc/kubernetes/enc.key", "permissions": "0600", "content": KEY}
    ]
    assert "/etc/plain" in [entry["path"] for entry in document(cluster, cluster.node("master-1"))["write_files"]]


@given(st.text(), st.integers(0, 0o777))
def test_any_text_comes_through_yaml(text: str, mode: int) -> None:
    """Whatever is in a file, a YAML parser gives it back, byte by byte."""
    text = text.encode(errors="ignore").decode()
    (write,) = lower(File("a/b", "/etc/x", text, mode))
    assert isinstance(write, Write)
    placed = [(CHAPTERS[0], write)]
    (entry,) = yaml.safe_load(cloud_init.user_data(lab_cluster().nodes[0], placed))["write_files"]

    assert (decoded(entry), entry["permissions"]) == (text.encode(), f"{mode:04o}")


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_command_comes_through_yaml(text: str) -> None:
    """Scripts, too."""
    script = f"{text}\n"
    step = Command("a/b", "do it", script, unless=NEVER, idempotent=True)
    placed = [(CHAPTERS[0], item) for item in lower(step)]
    value = yaml.safe_load(cloud_init.user_data(lab_cluster().nodes[0], placed))

    assert value["runcmd"][-1][-1].endswith(script)


def run(*argv: str) -> Any:
    """The verb, without a process of its own."""
    return CliRunner().invoke(app, list(argv))


def test_verb_writes_a_seed_per_node(tmp_path: Path) -> None:
    """--node and --only choose; the directory is a NoCloud seed; it is not written over."""
    out = tmp_path / "seed"
    argv = ("render", "cloud-init", "-f", str(EXAMPLE), "-o", str(out), "--node", "worker-1", "--only", "sysctls")
    done = run(*argv)

    assert done.exit_code == 0, done.output
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == [
        "worker-1",
        "worker-1/meta-data",
        "worker-1/user-data",
    ]
    value = yaml.safe_load((out / "worker-1/user-data").read_text())
    assert [entry["path"] for entry in value["write_files"]] == [
        "/etc/sysctl.d/99-br-netfilter.conf",
        "/etc/sysctl.d/99-network.conf",
    ]
    assert "preserve_hostname" not in value
    assert isinstance(run(*argv).exception, Refused)


@pytest.mark.parametrize(
    "argv",
    [("--only", "certs"), ("--only", "kernelmodules"), ("--node", "nobody"), ("--node", "lb-1", "--only", "sysctls")],
)
def test_verb_says_what_cannot_be_rendered(argv: Sequence[str], tmp_path: Path) -> None:
    """Chapters that need the cluster, chapters and nodes that are not there, nothing to do."""
    done = run("render", "cloud-init", "-f", str(EXAMPLE), "-o", str(tmp_path / "seed"), *argv)

    assert isinstance(done.exception, UsageError)
    assert not (tmp_path / "seed").exists()


def test_hosts_and_zone_say_the_same() -> None:
    """render hosts and render dns give every record once, the endpoint included."""
    known = records(load(EXAMPLE))
    hosts = run("render", "hosts", "-f", str(EXAMPLE)).stdout.splitlines()
    zone = run("render", "dns", "-f", str(EXAMPLE)).stdout.splitlines()

    assert [tuple(line.split()) for line in hosts] == [(it.address, it.name) for it in known]
    assert [tuple(line.split()) for line in zone] == [(f"{it.name}.", "60", "IN", "A", it.address) for it in known]
    assert known[0].name == "api.my-first-cluster.example.com"
