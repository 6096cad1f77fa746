"""A small cluster below any directory, and what certificates are compared by."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from hardway.model import Cluster, Component, Endpoint, EtcdLocal, Networking, Node, Paths, Role
from hardway.pki import openssl
from hardway.steps import Run, Step, lower_all
from hardway.steps.shell import INPUTS
from hardway.versions import release

MASTERS = (
    ("master-1.my-first-cluster.example.com", "10.11.0.11"),
    ("master-2.my-first-cluster.example.com", "10.11.0.12"),
)

CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.11.0.11, bindPort: 6443}
nodeRegistration: {name: master-1.my-first-cluster.example.com}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
clusterName: my-first-cluster
certificatesDir: PKI
controlPlaneEndpoint: api.my-first-cluster.example.com:6443
networking: {serviceSubnet: 29.64.0.0/16, dnsDomain: cluster.local}
apiServer: {certSANs: [127.0.0.1, "::1", "fd00::5", "*.x.example.com", a.example.com, a.example.com, "010.1.1.1",
  "::ffff:1.2.3.4"]}
etcd: {local: {serverCertSANs: [e.example.com, 10.9.9.9], peerCertSANs: [p.example.com]}}
"""
"""The cluster below in kubeadm's words."""


def cluster_below(root: Path, *, dns_domain: str = "cluster.local", name: str = "my-first-cluster") -> Cluster:
    """Two masters; names and addresses of every kind among the additional SANs."""
    nodes = tuple(Node(n, n.split(".")[0], address, frozenset({Role.CONTROL_PLANE})) for n, address in MASTERS)
    return Cluster(
        name=name,
        base_domain="example.com",
        release=release("v1.30.4"),
        endpoint=Endpoint("api.my-first-cluster.example.com"),
        nodes=nodes,
        networking=Networking(("29.64.0.0/16",), (), dns_domain),
        paths=Paths(f"{root}/etc", f"{root}/etc/pki", f"{root}/etc/manifests", f"{root}/kubelet"),
        api_server=Component(
            cert_sans=(
                "127.0.0.1",
                "::1",
                "fd00::5",
                "*.x.example.com",
                "a.example.com",
                "a.example.com",
                "010.1.1.1",
                "::ffff:1.2.3.4",
            )
        ),
        etcd=EtcdLocal(server_cert_sans=("e.example.com", "10.9.9.9"), peer_cert_sans=("p.example.com",)),
    )


def bash(root: Path, script: str, *, mode: str = "set -euo pipefail") -> subprocess.CompletedProcess[str]:
    """Run a step's text with its private directories below the root."""
    text = f"{mode}\n{script}".replace(openssl.KEYS, f"{root}/keys").replace(INPUTS, f"{root}/inputs")
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def ask(root: Path, script: str) -> str:
    """The answer of a check: empty for yes, else its reason."""
    done = bash(root, f"(\n{script}\n)", mode="set -u")
    return "" if done.returncode == 0 else done.stdout.strip() or f"exit {done.returncode}: {done.stderr}"


def carry_out(root: Path, steps: Iterable[Step]) -> list[str]:
    """Carry out what is due, as the engine does; the ids of the steps that ran. Each must be content afterwards."""
    ran = []
    for primitive in lower_all(steps):
        assert isinstance(primitive, Run)
        if ask(root, primitive.unless.script):
            done = bash(root, primitive.script)
            assert (done.returncode, done.stderr) == (0, ""), primitive.step
            assert ask(root, primitive.unless.script) == "", primitive.step
            ran.append(primitive.step)
    return ran


def files(root: Path) -> dict[str, bytes]:
    """All files below a directory by their path."""
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def fields(pem: bytes) -> dict[str, object]:
    """Everything of a certificate that two issuers have in common."""
    assert re.fullmatch(rb"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n", pem)
    certificate = x509.load_pem_x509_certificate(pem)
    return {
        "subject": certificate.subject.public_bytes(),
        "issuer": certificate.issuer.public_bytes(),
        "extensions": [(e.oid.dotted_string, e.critical, _value(e.value)) for e in certificate.extensions],
        "signature": certificate.signature_algorithm_oid.dotted_string,
        "bits": certificate.public_key().key_size,  # type: ignore[union-attr]
        "63-bit serial": 0 < certificate.serial_number < 2**63,
        "days": (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days,
    }


def _value(value: x509.ExtensionType) -> object:
    if isinstance(value, x509.SubjectKeyIdentifier):
        return "identifier of the subject's key"
    if isinstance(value, x509.AuthorityKeyIdentifier):
        assert value.key_identifier
        return ("identifier of the issuer's key", value.authority_cert_issuer, value.authority_cert_serial_number)
    return value.public_bytes()
