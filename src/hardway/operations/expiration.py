"""When certificates end (article chapter 18; `kubeadm certs check-expiration`).

Source: kubeadm v1.30.4 `app/cmd/certs.go`, `app/phases/certs/renewal`. As there, the kubelets' own certificates are not
listed: kubelets renew them themselves.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from hardway.model import Cluster, Node
from hardway.pki import catalog
from hardway.pki.kubeconfigs import KubeconfigSpec, kubeconfigs
from hardway.pki.renewal import printing
from hardway.steps.shell import quote

SELF_RENEWED = ("kubelet",)
"""Kubeconfigs whose owner renews what is in them."""


@dataclass(frozen=True)
class Stored:
    """A certificate as a node keeps it."""

    node: str
    """Full name of the node."""
    name: str
    """As kubeadm names it: `apiserver`, `admin.conf`, `etcd-ca`."""
    authority: str
    """Name of the CA that signs it; empty for a CA."""
    external: bool
    """The CA's key is not there, so nobody can renew it here."""
    pem: bytes
    """Empty when there is none."""


def renewable(cluster: Cluster, node: Node) -> tuple[tuple[str, catalog.CertSpec | KubeconfigSpec], ...]:
    """What can be renewed on a master, by kubeadm's names and in its order."""
    configs = [config for config in kubeconfigs(cluster, node) if config.name not in SELF_RENEWED]
    named: dict[str, catalog.CertSpec | KubeconfigSpec] = {f"{config.name}.conf": config for config in configs}
    named |= {spec.name: spec for spec in catalog.leaves(cluster, node)}
    return tuple(sorted(named.items()))


def spared(cluster: Cluster) -> frozenset[str]:
    """What may be missing: kubeadm advises to put super-admin.conf away, and a master that joined never had it."""
    named = renewable(cluster, cluster.first_control_plane)
    return frozenset(name for name, spec in named if isinstance(spec, KubeconfigSpec) and spec.spared_by)


def reading(cluster: Cluster, node: Node) -> str:
    """bash that prints a line for each certificate: name, CA, whether that is external, and the PEM text in base64."""
    authorities = {spec.certificate: spec for spec in catalog.authorities(cluster)}
    lines = [_line(spec.name, "", spec.key, printing(spec)) for spec in authorities.values()]
    for name, spec in renewable(cluster, node):
        lines.append(_line(name, authorities[spec.ca_certificate].name, spec.ca_key, printing(spec)))
    return "".join(lines)


def _line(name: str, authority: str, ca_key: str, source: str) -> str:
    return (
        f"external=no; [ -s {quote(ca_key)} ] || external=yes\n"
        f"printf '%s\\t%s\\t%s\\t%s\\n' {quote(name)} {quote(authority)} \"$external\" "
        f'"$({{ {source}; }} 2>/dev/null | base64 -w0 || true)"\n'
    )


def read(node: str, answer: str) -> Iterator[Stored]:
    """The certificates of such an answer."""
    for line in answer.splitlines():
        name, authority, external, text = line.split("\t")
        try:
            pem = base64.b64decode(text, validate=True)
        except binascii.Error:
            pem = b""
        yield Stored(node, name, authority, external == "yes", pem)
