"""Proxies and registries' mirrors: what cluster.yaml may say, and what nodes get of it."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from hardway.chapters.registries import folder, hosts
from hardway.chapters.toml import dump
from hardway.config import InvalidConfiguration, advice, loads
from hardway.model import Cluster, Registry, RegistryMirror
from hardway.renderers import bash
from hardway.workflows.apply import APPLY

ROOT = Path(__file__).resolve().parents[2]
LAB = re.sub(r"  registries:\n(?: {4}.*\n)+", "", (ROOT / "examples/lab/cluster.yaml").read_text())
"""The example without its registries."""
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PROXIES = {"http": "http://proxy.example.com:3128", "https": "http://proxy.example.com:3128"}


def with_proxy(**fields: object) -> str:
    """The lab's cluster.yaml with `proxy` in its Inventory, the last document."""
    return f"{LAB}\nproxy: {fields!r}\n"


def with_registry(text: str, host: str = "registry.k8s.io") -> str:
    """The lab's cluster.yaml with one registry."""
    return LAB.replace("containerd:\n", f"containerd:\n  registries:\n    {host}: {text}\n")


def refused(text: str) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(InvalidConfiguration) as caught:
        loads(text)
    assert caught.value.exit_code == 2
    return caught.value.render()


def scripts(cluster: Cluster, node: str) -> dict[str, str]:
    """Chapter to rendered script of one node."""
    return {
        script.path.split("/", 1)[1][3:-3]: script.text
        for script in bash.render(cluster, APPLY)
        if script.path.startswith(f"{node}/") and script.path.endswith(".sh")
    }


def test_the_cluster_itself_is_reached_without_the_proxy() -> None:
    """NO_PROXY holds loopback, pods, Services, cluster domain, endpoint, node names and addresses; then the user's."""
    proxy = loads(with_proxy(**PROXIES, noProxy=[".corp.example.com"])).proxy

    assert proxy.direct == (
        *("localhost", "127.0.0.1", "::1"),
        *("10.244.0.0/16", "10.96.0.0/16", ".svc", ".cluster.local"),
        *("api.my-first-cluster.example.com", ".my-first-cluster.example.com"),
        *("10.30.0.11", "10.30.0.12", "10.30.0.13", "10.30.0.21", "10.30.0.8", "10.30.0.9", "10.30.0.10"),
        ".corp.example.com",
    )


def test_a_network_of_the_user_stands_for_its_nodes() -> None:
    """With the nodes' network in noProxy a further node changes no static pod."""
    direct = loads(with_proxy(**PROXIES, noProxy=["10.30.0.0/24"])).proxy.direct

    assert direct[-1] == "10.30.0.0/24"
    assert [entry for entry in direct if entry.startswith("10.30.0.1")] == []


def test_only_what_is_given_becomes_a_variable() -> None:
    """A proxy for one scheme is one for one scheme, and without any there is no variable at all."""
    assert set(loads(with_proxy(https="http://proxy.example.com:3128")).proxy.environment) == {
        "HTTPS_PROXY",
        "NO_PROXY",
    }
    assert loads(LAB).proxy.environment == {}


def test_everybody_who_goes_out_knows_the_proxy() -> None:
    """Packages, downloads and containerd read one file; static pods carry the variables, etcd does not."""
    cluster = loads(with_proxy(**PROXIES))
    master, balancer = scripts(cluster, "master-1"), scripts(cluster, "lb-1")

    assert '\nhttps_proxy="http://proxy.example.com:3128"\n' in master["base-os"]
    assert ". /etc/default/hardway-proxy\n" in master["base-os"]
    assert ". /etc/default/hardway-proxy\n" in balancer["load-balancer"]
    assert "EnvironmentFile=-/etc/default/hardway-proxy\n" in master["install-components"]
    assert "containerd.service.d/10-proxy.conf" in master["configure-components"]
    assert master["control-plane"].count("- name: HTTPS_PROXY\n") == 3
    assert "HTTPS_PROXY" not in master["etcd"]
    assert "HTTPS_PROXY" in master["addon-kube-proxy"]


def test_scripts_with_proxy_and_registries_are_clean(tmp_path: Path) -> None:
    """shellcheck has nothing to say about scripts of a cluster with both."""
    text = with_registry("{mirrors: [{url: 'https://mirror.example.com'}]}") + f"\nproxy: {PROXIES!r}\n"
    files = []
    for name, script in scripts(loads(text), "master-1").items():
        files.append(tmp_path / f"{name}.sh")
        files[-1].write_text(script)
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)

    assert done.stdout + done.stderr == ""


def test_a_login_in_a_url_is_refused_and_not_shown() -> None:
    """Pods carry proxies for all to read: a login is refused, and no message repeats it."""
    said = refused(with_proxy(http="http://me:hunter2@proxy.example.com:3128"))
    said += refused(with_registry("{mirrors: [{url: 'https://me:hunter2@mirror.example.com'}]}"))
    said += refused(LAB.replace("mirror: https://", "mirror: https://me:hunter2@"))

    assert said.count("cannot carry a login here") == 3
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_proxy(http="proxy.example.com:3128"), "`proxy.example.com:3128` is not a proxy"),
        (with_proxy(http="http://proxy; reboot"), "is not a proxy"),
        (with_proxy(**PROXIES, noProxy=["a b"]), "`a b` is no host, domain or network"),
        (with_proxy(noProxy=["example.com"]), "there is no proxy to go around"),
        (with_registry("{mirrors: []}"), "must not be empty"),
        (with_registry("{mirrors: [{url: mirror.example.com}]}"), "`mirror.example.com` is not a mirror"),
        (with_registry("{mirrors: [{url: 'https://m'}]}", "a/b"), "`a/b` is not the host of a registry"),
        (with_registry("{mirrors: [{url: 'http://m', skipVerify: true}]}"), "there is nothing to verify"),
        (with_registry("{mirrors: [{url: 'https://m', ca: gone.crt}]}"), "`gone.crt` cannot be read"),
        (with_registry("{mirrors: [{url: 'https://m'}, {url: 'https://m'}]}"), "a mirror stands twice"),
        (with_registry("{mirrors: [{url: 'https://m', capabilities: [push]}]}"), "must be `pull` or `resolve`"),
        (
            with_registry("{fallback: false, mirrors: [{url: 'https://m', capabilities: [pull]}]}"),
            "nobody is left who turns a tag into an image",
        ),
        (
            LAB.replace("  cri:\n", "  cri:\n    registry: {mirrors: {docker.io: {endpoint: ['https://m']}}}\n"),
            "containerd does not start with mirrors here and in certs.d",
        ),
    ],
)
def test_what_cannot_work_is_refused(text: str, message: str) -> None:
    """Mistakes are told at their place before anything is touched."""
    assert message in refused(text)


def test_unverified_mirrors_are_told() -> None:
    """A mirror without verification is allowed where it is asked for, and never passes unseen."""
    for text in ("{mirrors: [{url: 'https://m', skipVerify: true}]}", "{mirrors: [{url: 'http://m'}]}"):
        notes = [line for line in advice(loads(with_registry(text))) if "registry.k8s.io" in line]

        assert len(notes) == 1


def test_one_sum_for_two_architectures_is_told() -> None:
    """A pinned sum belongs to one file; with amd64 and arm64 side by side it cannot fit everywhere."""
    pinned = LAB.replace("  skip: [", f"  components: {{runc: {{sha256: '{'0' * 64}'}}}}\n  skip: [")
    mixed = pinned.replace("roles: [worker]}", "roles: [worker], facts: {arch: arm64}}")

    assert [line for line in advice(loads(pinned)) if "sha256" in line] == []
    assert len([line for line in advice(loads(mixed)) if "runc will be refused on some" in line]) == 1


def test_hosts_toml_as_containerd_reads_it(tmp_path: Path) -> None:
    """Mirrors in order with CA and capabilities; then the registry itself under the name that it is served under."""
    (tmp_path / "ca.crt").write_text(CA)
    text = with_registry(
        "{mirrors: [{url: 'https://one.example.com/v2/hub', ca: ca.crt, overridePath: true}, "
        "{url: 'https://two.example.com', capabilities: [pull], skipVerify: true}]}",
        "docker.io",
    )
    cluster = loads(text, folder=tmp_path)
    script = scripts(cluster, "worker-1")["configure-components"]
    (registry,) = cluster.registries

    assert tomllib.loads(dump(hosts(registry))) == {
        "server": "https://registry-1.docker.io",
        "host": {
            "https://one.example.com/v2/hub": {
                "capabilities": ["pull", "resolve"],
                "ca": "/etc/containerd/certs.d/docker.io/mirror-1.crt",
                "override_path": True,
            },
            "https://two.example.com": {"capabilities": ["pull"], "skip_verify": True},
        },
    }
    assert "/etc/containerd/certs.d/docker.io/mirror-1.crt <<'EOF'\n" + CA in script


def test_without_fallback_the_mirror_is_asked_last_too() -> None:
    """The registry itself is named nowhere; a registry with a port has the directory that containerd looks for."""
    mirrors = (RegistryMirror("https://one", capabilities=("pull",)), RegistryMirror("https://two", "CA"))
    registry = Registry("registry.example.com:5000", mirrors, fallback=False)
    value = tomllib.loads(dump(hosts(registry)))

    assert folder(registry) == "/etc/containerd/certs.d/registry.example.com_5000_"
    assert value["server"] == "https://two"
    assert value["ca"] == value["host"]["https://two"]["ca"] == f"{folder(registry)}/mirror-2.crt"
    assert "server" not in hosts(Registry("_default", mirrors))


def test_gates_that_change_users_or_members_are_refused() -> None:
    """RootlessControlPlane and members of etcd that vote at once are refused with what is built instead."""
    for gate, built in (("RootlessControlPlane", "false"), ("EtcdLearnerMode", "true")):
        text = LAB.replace("clusterName: my", f"featureGates: {{{gate}: {built == 'false'}}}\nclusterName: my")

        assert f"hardway builds clusters with {gate}={built} only" in refused(text)
        assert "hint:" in refused(text).split(gate)[-1]
