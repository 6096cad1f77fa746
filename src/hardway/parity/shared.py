"""What all masters have in common: CAs, the service accounts' key pair, and the files with which they reach an external etcd."""

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from hardway.gotypes.paths import clean
from hardway.model import Cluster, EtcdExternal
from hardway.parity.certificates import now
from hardway.parity.objects import SHARED
from hardway.pki import sign
from hardway.pki.catalog import CertSpec, Usage, address
from hardway.renderers import sandbox
from hardway.renderers.files import Entry, Tree, file

_PRIVATE = b"PRIVATE KEY-----"


def transferred(cluster: Cluster) -> dict[str, str]:
    """Key in Secret kubeadm-certs to file (kubeadm `app/phases/copycerts`, certsToTransfer, certOrKeyNameToSecretName).

    Of an external etcd all three keys are there; an empty path stands for a file that is not named.
    """

    def plain(path: str) -> str:
        return clean(path) if path else ""

    pki, etcd = cluster.paths.pki, cluster.etcd
    is_external = isinstance(etcd, EtcdExternal)
    found = {
        name.replace("/", "-"): f"{pki}/{name}" for name in SHARED if not (is_external and name.startswith("etcd/"))
    }
    if isinstance(etcd, EtcdExternal):
        found |= {
            "external-etcd-ca.crt": plain(etcd.ca_file),
            "external-etcd.crt": plain(etcd.cert_file),
            "external-etcd.key": plain(etcd.key_file),
        }
    return found


def downloaded(cluster: Cluster, contents: Mapping[str, bytes]) -> Tree:
    """Those of the files that the cluster has, with the modes that a joining master gives them (`copycerts.DownloadCerts`)."""
    made: dict[str, Entry] = {}
    for path in transferred(cluster).values():
        if path in contents:
            made[path] = file(contents[path], 0o600 if _PRIVATE in contents[path] else 0o644)
    folders = {cluster.paths.kubernetes, cluster.paths.pki, *(posixpath.dirname(path) for path in made)}
    return {**sandbox.with_parents(*folders), **made}


def foreign(cluster: Cluster) -> dict[str, bytes]:
    """The files of an external etcd, made up: kubeadm wants them to be there, and puts nothing of them into its own.

    The members at addresses can serve with the clients' certificate. Where etcd trusts one of the cluster's own CAs, that
    one is made like any other.
    """
    etcd = cluster.etcd
    if not isinstance(etcd, EtcdExternal) or not etcd.files:
        return {}
    ca = CertSpec("etcd-ca", "", "ca.crt", "ca.key", "etcd-of-others", dns_names=("etcd-of-others",), days=3650)
    client = replace(
        ca,
        name="client",
        certificate="client.crt",
        key="client.key",
        common_name="kube-apiserver",
        usages=(Usage.SERVER, Usage.CLIENT),
        dns_names=(),
        ip_addresses=tuple(filter(None, (address(urlsplit(url).hostname or "") for url in etcd.endpoints))),
        ca_certificate=ca.certificate,
        ca_key=ca.key,
        days=365,
    )
    made = sign.certificates((ca, client), {}, now())
    found: dict[str, bytes] = {}
    paths = transferred(cluster)
    for name, source in (
        ("external-etcd-ca.crt", "ca.crt"),
        ("external-etcd.crt", "client.crt"),
        ("external-etcd.key", "client.key"),
    ):
        path = paths[name]
        if path and path not in [f"{cluster.paths.pki}/{name}" for name in SHARED if not name.startswith("etcd/")]:
            # One file may be several of them.
            found[path] = found.get(path, b"") + made[source]
    return found
