"""Every minor: its documents are read, the wrong ones are told, and what they say reaches the model."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.chapters import control_plane, etcd, kubelet_start
from hardway.config import InvalidConfiguration, loads
from hardway.config.skeleton import Answers, skeleton
from hardway.features import V1BETA3, V1BETA4
from hardway.model import Certificates, Cluster
from hardway.versions import RELEASES, Release

ROOT = Path(__file__).resolve().parents[2]
NEW = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  kubeletExtraArgs: [{name: v, value: "2"}, {name: max-pods, value: "50"}]
timeouts: {controlPlaneComponentHealthCheck: 5m5s}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
controlPlaneEndpoint: api.example.com
encryptionAlgorithm: ECDSA-P256
certificateValidityPeriod: 2160h
caCertificateValidityPeriod: 43800h
apiServer:
  extraArgs:
    - {name: service-account-issuer, value: https://new.example.com}
    - {name: service-account-issuer, value: https://old.example.com}
    - {name: anonymous-auth, value: "true"}
  extraEnvs: [{name: GOGC, value: "80"}]
dns: {disabled: true}
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 10.0.0.1, roles: [control-plane]}
  - {name: worker-1, address: 10.0.0.2, roles: [worker]}
"""
OLD = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: VERSION
controlPlaneEndpoint: api.example.com
scheduler: {extraArgs: {v: "2"}}
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes: [{name: master-1, address: 10.0.0.1, roles: [control-plane]}]
"""
NEWER = [release for release in RELEASES if V1BETA4 in release.features.config_apis]


def problems(text: str) -> list[str]:
    """Place and message of each."""
    with pytest.raises(InvalidConfiguration) as raised:
        loads(text)
    return [f"{problem.path}: {problem.message}" for problem in raised.value.problems]


def cluster(release: Release, text: str = NEW) -> Cluster:
    """The model of a document for this release."""
    return loads(text.replace("VERSION", release.kubernetes))


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_new_writes_what_the_minor_reads(release: Release) -> None:
    """`hardway new --kubernetes-version` writes the newest API version of that minor, and it can be planned."""
    text = skeleton(Answers("a", "example.com", {"m": "10.0.0.1"}, {}, {}, release.kubernetes))

    assert loads(text).release.kubernetes == release.kubernetes
    assert f"apiVersion: {release.features.config_apis[-1]}\n" in text


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_documents_of_another_api_version_are_told(release: Release) -> None:
    """What kubeadm of the minor does not read is an error that names what it reads."""
    readable = release.features.config_apis
    for api, text in ((V1BETA3, OLD), (V1BETA4, NEW)):
        text = text.replace("VERSION", release.kubernetes)
        if api in readable:
            assert loads(text).cluster_configuration["apiVersion"] == release.features.upload_config_api
        else:
            assert f"ClusterConfiguration.apiVersion: kubeadm of this version does not read `{api}`" in problems(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("apiServer:\n", "apiServer:\n  timeoutForControlPlane: 4m0s\n", "`timeoutForControlPlane` is a field of"),
        ("encryptionAlgorithm: ECDSA-P256", "encryptionAlgorithm: ECDSA-P521", "must be one of RSA-2048, RSA-3072"),
        ("Period: 2160h", "Period: 0s", "`0s` is not a duration of a second or more"),
        ("dns: {disabled: true}", "scheduler: {extraArgs: {v: '2'}}", "has a list here, not a map"),
        ("name: GOGC, value: '80'", "name: GOGC, value: '80'", ""),
        ("{name: anonymous-auth, value", "{name: --anonymous-auth, value", "is not the name of a flag"),
        ("{name: anonymous-auth, value", "{nam: anonymous-auth, value", "unknown field `nam`"),
        ("controlPlaneComponentHealthCheck: 5m5s", "controlPlaneComponentHealthCheck: soon", "is not a duration"),
        ("dns: {disabled: true}", "featureGates: {EtcdLearnerMode: true}", "unknown feature gate `EtcdLearnerMode`"),
        (
            "dns: {disabled: true}",
            "featureGates: {WaitForAllControlPlaneComponents: false}",
            "WaitForAllControlPlaneComponents is always true in Kubernetes 1.34",
        ),
    ],
)
def test_mistakes_in_v1beta4_are_told(old: str, new: str, expected: str) -> None:
    """Each with its place; a right document is accepted."""
    text = NEW.replace("VERSION", "v1.34.4").replace(old, new)
    if not expected:
        assert loads(text).release.minor == "1.34"
        return

    assert [line for line in problems(text) if expected in line] != []


def test_fields_of_v1beta4_are_told_in_v1beta3() -> None:
    """The other way round, with both forms of flags."""
    text = OLD.replace("VERSION", "v1.34.4").replace('{v: "2"}', '[{name: v, value: "2"}]') + ""
    text = text.replace("scheduler:", "proxy: {disabled: true}\nscheduler:")

    assert problems(text) == [
        "ClusterConfiguration.proxy: `proxy` is a field of kubeadm.k8s.io/v1beta4, and this document says"
        " kubeadm.k8s.io/v1beta3",
        "ClusterConfiguration.scheduler.extraArgs: kubeadm.k8s.io/v1beta3 has a map here, not a list",
    ]


def test_what_v1beta4_says_reaches_the_model() -> None:
    """Repeated flags in their order, variables, keys and their life, patience of probes, disabled addons."""
    found = cluster(RELEASES[5])

    assert [value for name, value in found.api_server.extra_args if name == "service-account-issuer"] == [
        "https://new.example.com",
        "https://old.example.com",
    ]
    assert found.api_server.extra_envs == (("GOGC", "80"),)
    assert found.certificates == Certificates("ECDSA-P256", 90, 1825)
    assert [node.startup_seconds for node in found.nodes] == [305, 240]
    assert found.nodes[0].registration.kubelet_extra_args == (("v", "2"), ("max-pods", "50"))
    assert found.skips("addon/coredns")
    assert not found.skips("addon/kube-proxy")


@pytest.mark.parametrize("release", NEWER, ids=lambda release: release.minor)
def test_repeated_flags_stand_in_the_command(release: Release) -> None:
    """A default gives way to all of the user's; from 1.33 on they come last, as written."""
    found = cluster(release)
    manifest = control_plane.kube_apiserver(found, found.nodes[0])
    text = str(manifest)
    flags = re.findall(r"--(service-account-issuer=[^']*|anonymous-auth=true|tls-private-key-file=[^']*)", text)
    key = "tls-private-key-file=/etc/kubernetes/pki/apiserver.key"
    issuers = [f"service-account-issuer=https://{age}.example.com" for age in ("new", "old")]

    assert flags == (
        ["anonymous-auth=true", *issuers, key]
        if release.features.sorted_extra_args
        else [key, *issuers, "anonymous-auth=true"]
    )


def test_gates_choose_features() -> None:
    """A gate that the user sets changes what is made, as far as it is built here."""
    text = NEW.replace("dns: {disabled: true}", "featureGates: {NodeLocalCRISocket: true, PublicKeysECDSA: false}")
    found = cluster(RELEASES[4], text)

    assert not RELEASES[4].features.node_local_cri_socket
    assert found.release.features.node_local_cri_socket
    assert found.certificates.algorithm == "RSA-2048"
    assert "container-runtime-endpoint" not in kubelet_start.kubelet_flags(found, found.nodes[0])


@pytest.mark.parametrize(
    ("tag", "final"), [("", True), ("3.5.24-0", False), ("3.6.0-0", False), ("3.6.0", True), ("x", False)]
)
def test_the_flags_of_etcd_follow_its_image(tag: str, final: bool) -> None:
    """1.34 and 1.35 read the image's tag as a version; 1.36 gives every etcd the final names."""
    text = NEW.replace("dns: {disabled: true}", f"etcd: {{local: {{imageTag: '{tag}'}}}}")
    for release, expected in ((RELEASES[3], False), (RELEASES[5], final), (RELEASES[7], True)):
        found = cluster(release, text)
        manifest = str(etcd.manifest(found, found.nodes[0], "a"))

        assert ("--watch-progress-notify-interval=5s" in manifest) == expected
        assert ("--experimental-watch-progress-notify-interval=5s" in manifest) != expected


def test_no_code_but_the_tables_names_a_minor() -> None:
    """Chapters and workflows select on features: outside of words for people nobody asks for the minor."""
    # The last counts how many minors older a kubelet may be.
    allowed = {"versions.py", "features.py", "preflight_system.py"}
    asking = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "src/hardway").rglob("*.py")
        if path.name not in allowed and re.search(r"\.minor\b(?!\})", path.read_text())
    ]

    assert asking == []


def test_a_model_made_by_hand_has_kubeadms_defaults() -> None:
    """What nobody chose is a year, ten years and RSA with 2048 bits."""
    assert replace(cluster(RELEASES[5]), certificates=Certificates()).certificates == Certificates(
        "RSA-2048", 365, 3650
    )
