"""The chapters that prepare machines: total, clean bash, reasons for everything, and equal for equal input."""

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from clusters import ipv6_cluster, lab_cluster, minimal_cluster
from hypothesis import given
from hypothesis import strategies as st

from hardway.chapters import toml
from hardway.chapters.base_os import BASE_OS
from hardway.chapters.chapter import Chapter
from hardway.chapters.configure_components import CONFIGURE_COMPONENTS, CRI_CONFIG, cri_settings
from hardway.chapters.install_components import INSTALL_COMPONENTS
from hardway.chapters.kernel_modules import KERNEL_MODULES
from hardway.chapters.load_balancer import LOAD_BALANCER
from hardway.chapters.network import NETWORK
from hardway.chapters.ports import PORTS
from hardway.chapters.preflight import PREFLIGHT
from hardway.chapters.readiness import READINESS
from hardway.chapters.sysctls import SYSCTLS
from hardway.model import Cluster, Component, Facts, HostVolume, Node, OsFamily, freeze_document, thaw
from hardway.steps import Check, File, Packages, Primitive, Run, Write, lower_all

CHAPTERS = (
    READINESS,
    BASE_OS,
    KERNEL_MODULES,
    SYSCTLS,
    INSTALL_COMPONENTS,
    CONFIGURE_COMPONENTS,
    NETWORK,
    PREFLIGHT,
    LOAD_BALANCER,
    PORTS,
)


def on_redhat(cluster: Cluster) -> Cluster:
    """The same machines with the other family of packages."""
    facts = Facts(OsFamily.REDHAT, "arm64")
    return replace(cluster, nodes=tuple(replace(node, facts=facts) for node in cluster.nodes))


CLUSTERS = {
    "lab": lab_cluster(),
    "minimal": minimal_cluster(),
    "ipv6": ipv6_cluster(),
    "redhat": on_redhat(lab_cluster()),
}


def primitives(chapter: Chapter, cluster: Cluster, node: Node) -> tuple[Primitive, ...]:
    return tuple(lower_all(chapter.steps(cluster, node)))


def all_primitives(cluster: Cluster) -> list[Primitive]:
    return [p for chapter in CHAPTERS for node in cluster.nodes for p in primitives(chapter, cluster, node)]


def all_checks(cluster: Cluster) -> list[Check]:
    return [c for chapter in CHAPTERS for node in cluster.nodes for c in chapter.checks(cluster, node)]


def file(chapter: Chapter, cluster: Cluster, node: Node, path: str) -> str:
    """Content of the file that the chapter writes there."""
    found = [
        p.content.decode() for p in primitives(chapter, cluster, node) if isinstance(p, Write) and p.path == path
    ]
    assert len(found) == 1, path
    return found[0]


@pytest.mark.parametrize("name", CLUSTERS)
def test_scripts_are_clean_bash(name: str, tmp_path: Path) -> None:
    """shellcheck has nothing to say about any script, guard or check of these chapters."""
    cluster = CLUSTERS[name]
    texts = [script for p in all_primitives(cluster) if isinstance(p, Run) for script in (p.script, p.unless.script)]
    texts += [check.script for check in all_checks(cluster)]
    texts += [
        p.content.decode() for p in all_primitives(cluster) if isinstance(p, Write) and p.path.endswith("script.sh")
    ]
    files = []
    for number, text in enumerate(dict.fromkeys(texts)):
        files.append(tmp_path / f"{number}.sh")
        files[-1].write_text(text)
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)

    assert done.stdout == ""


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_written_setting_has_a_reason(name: str) -> None:
    """What is put on a machine says why."""
    bare = {p.path for p in all_primitives(CLUSTERS[name]) if isinstance(p, Write) and not p.why}

    assert bare == set()


@pytest.mark.parametrize("name", CLUSTERS)
def test_equal_input_gives_equal_steps(name: str) -> None:
    """Chapters are functions: asked twice they say the same, and step ids are unique on a node."""
    cluster = CLUSTERS[name]
    for chapter in CHAPTERS:
        for node in cluster.nodes:
            steps = list(chapter.steps(cluster, node))

            assert steps == list(chapter.steps(cluster, node))
            assert len({step.id for step in steps}) == len(steps)


@pytest.mark.parametrize("name", CLUSTERS)
def test_chapters_end_with_checks(name: str) -> None:
    """Where a chapter does something, it also tells how to see that it is done."""
    cluster = CLUSTERS[name]
    silent = {
        chapter.name
        for chapter in CHAPTERS
        for node in cluster.nodes
        if list(chapter.steps(cluster, node)) and not list(chapter.checks(cluster, node))
        if chapter is not LOAD_BALANCER
    }

    assert silent == set()


def test_packages_by_role_and_family() -> None:
    """Masters can decrypt kubeadm-certs, balancers get haproxy only, conntrack has its family's name."""
    for cluster, conntrack in ((CLUSTERS["lab"], "conntrack"), (CLUSTERS["redhat"], "conntrack-tools")):
        names = {
            node.host_name: {
                name
                for chapter in (BASE_OS, *([LOAD_BALANCER] if node in cluster.balancers else []))
                for step in chapter.steps(cluster, node)
                if isinstance(step, Packages)
                for name in step.names
            }
            for node in cluster.nodes
        }

        assert names["lb-1"] == {"haproxy"}
        assert names["master-1"] - names["worker-1"] == {"python3-cryptography"}
        assert {conntrack, "socat", "jq", "tree"} <= names["worker-1"]


def test_sysctls_of_the_article() -> None:
    """The article's two files; IPv6 forwarding only where the cluster has IPv6."""
    lab, six = CLUSTERS["lab"], CLUSTERS["ipv6"]
    bridge = "net.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\n"

    assert file(SYSCTLS, lab, lab.nodes[0], "/etc/sysctl.d/99-br-netfilter.conf") == bridge
    assert file(SYSCTLS, lab, lab.nodes[0], "/etc/sysctl.d/99-network.conf") == "net.ipv4.ip_forward=1\n"
    assert "net.ipv6.conf.all.forwarding=1" in file(SYSCTLS, six, six.nodes[0], "/etc/sysctl.d/99-network.conf")


def test_a_cluster_without_downloads_installs_nothing() -> None:
    """Binaries and units that the image brings are left alone; containerd is configured all the same."""
    cluster = CLUSTERS["minimal"]
    node = cluster.nodes[0]
    written = {p.path for p in primitives(CONFIGURE_COMPONENTS, cluster, node) if isinstance(p, Write)}

    assert primitives(INSTALL_COMPONENTS, cluster, node) == ()
    assert written == {"/etc/containerd/config.toml", CRI_CONFIG}


def test_containerd_settings_stand_in_one_file() -> None:
    """The article's values, merged with the inventory's, which win; as TOML that reads back the same."""
    extra = {
        "restrict_oom_score_adj": True,
        "registry": {"config_path": "/elsewhere"},
        "containerd": {"runtimes": {"gvisor": {"runtime_type": "io.containerd.runsc.v1"}}},
    }
    cluster = replace(CLUSTERS["lab"], containerd=freeze_document(extra))
    read = tomllib.loads(file(CONFIGURE_COMPONENTS, cluster, cluster.nodes[0], CRI_CONFIG))
    runc = {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}
    expected = {
        "sandbox_image": "registry.k8s.io/pause:3.9",
        "restrict_oom_score_adj": True,
        "registry": {"config_path": "/elsewhere"},
        "containerd": {"runtimes": {"runc": runc, "gvisor": {"runtime_type": "io.containerd.runsc.v1"}}},
    }

    assert read == {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": expected}}
    assert read == thaw(cri_settings(cluster))


def test_secret_files_of_the_user_are_not_shown() -> None:
    """A file that holds encryption keys is 0600 and marked secret; an audit policy is neither."""
    keys = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"
    cluster = replace(CLUSTERS["lab"], files={"/etc/kubernetes/enc.yaml": keys, "/etc/kubernetes/audit.yaml": "a\n"})
    files = {
        step.path: (step.mode, step.secret)
        for step in CONFIGURE_COMPONENTS.steps(cluster, cluster.nodes[0])
        if isinstance(step, File) and step.path.startswith("/etc/kubernetes/")
    }

    assert files == {"/etc/kubernetes/enc.yaml": (0o600, True), "/etc/kubernetes/audit.yaml": (0o644, False)}


def test_directories_of_volumes_are_made_on_masters_only() -> None:
    """A hostPath of type DirectoryOrCreate is there before a static pod asks for it; others are the user's."""
    volumes = (HostVolume("a", "/var/a/", "/a", False, "DirectoryOrCreate"), HostVolume("b", "/var/b", "/b"))
    cluster = replace(CLUSTERS["lab"], api_server=Component(extra_volumes=volumes), files={})
    made = {
        node.host_name: [s.id for s in CONFIGURE_COMPONENTS.steps(cluster, node) if "/volumes/" in s.id]
        for node in cluster.kubernetes_nodes
    }

    assert made["master-1"] == ["configure-components/volumes/var/a"]
    assert made["worker-1"] == []


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_toml_reads_back(document: dict[str, object]) -> None:
    """Whatever the inventory says arrives in containerd."""
    assert tomllib.loads(toml.dump(freeze_document(document))) == document
