"""etcd that somebody else runs (`etcd.external`): how API servers reach it, and what is asked of it. Not a chapter.

Source: kubeadm v1.30.4 `app/phases/controlplane/{manifests,volumes}.go` (getEtcdCertVolumes) and
`app/preflight/checks.go` (ExternalEtcdVersionCheck).
"""

import posixpath
from collections.abc import Iterable, Iterator

from hardway.chapters.static_pods import host_volume
from hardway.gotypes.paths import clean
from hardway.model import Cluster, EtcdExternal, EtcdLocal, HostVolume, Node, argument
from hardway.steps import Check, Severity
from hardway.steps.shell import for_each, quote, words

SYSTEM_CAS = "/etc/ssl/certs"
"""Mounted into every API server."""
CERTIFICATES, VERSION = "ExternalEtcdClientCertificates", "ExternalEtcdVersion"
"""kubeadm's names of its preflight questions."""
LIMIT = 5
"""Seconds for an endpoint to answer."""


def flags(cluster: Cluster, node: Node) -> dict[str, str]:
    """Those of kube-apiserver, also where etcd is the member on its own machine."""
    etcd, pki = cluster.etcd, cluster.paths.pki
    if isinstance(etcd, EtcdLocal):
        return {
            "etcd-cafile": f"{pki}/etcd/ca.crt",
            "etcd-certfile": f"{pki}/apiserver-etcd-client.crt",
            "etcd-keyfile": f"{pki}/apiserver-etcd-client.key",
            "etcd-servers": argument(etcd.extra_args, "advertise-client-urls", f"https://{node.loopback}:2379"),
        }
    found = {"etcd-servers": ",".join(etcd.endpoints)}
    if etcd.ca_file:
        found["etcd-cafile"] = etcd.ca_file
    if etcd.cert_file and etcd.key_file:
        found |= {"etcd-certfile": etcd.cert_file, "etcd-keyfile": etcd.key_file}
    return found


def directories(etcd: EtcdExternal, pki: str, ca_directories: Iterable[str]) -> tuple[str, ...]:
    """What kubeadm mounts into kube-apiserver so that it finds the files; `ca_directories` are those of the release.

    As in kubeadm a directory counts as mounted when its path begins with the text of one that is, be it above it or
    only beside it (`/etc/etcd` and `/etc/etcd-tls`).
    """
    there = (*ca_directories, SYSTEM_CAS, pki)
    found: list[str] = []
    for path in etcd.files:
        folder = clean(posixpath.dirname(path))
        if folder.startswith(there):
            continue
        covered = any(folder.startswith(other) and not other.startswith(folder) for other in found)
        found = sorted(other for other in found if not other.startswith(folder))
        if not covered:
            found = sorted([*found, folder])
    return tuple(found)


def volumes(cluster: Cluster) -> Iterator[HostVolume]:
    """The directories as volumes of kube-apiserver; those of a stacked etcd are mounted anyway."""
    if isinstance(cluster.etcd, EtcdLocal):
        return
    found = directories(cluster.etcd, cluster.paths.pki_mounted, cluster.release.features.ca_directories)
    for number, folder in enumerate(found):
        yield host_volume(f"etcd-certs-{number}", folder)


def lies_below(cluster: Cluster, folder: str) -> bool:
    """A file of the external etcd makes the directory exist on every master before its static pods are written."""
    etcd = cluster.etcd
    return isinstance(etcd, EtcdExternal) and any(clean(path).startswith(f"{folder}/") for path in etcd.files)


def questions(cluster: Cluster, node: Node) -> Iterator[Check]:
    """kubeadm's preflight questions, to masters.

    It asks them of the first one only. Here the others are asked for the version, too, once they have the files:
    a firewall may let only one of them through.
    """
    etcd = cluster.etcd
    if not isinstance(etcd, EtcdExternal) or not node.is_control_plane:
        return
    first = node == cluster.first_control_plane
    for path in etcd.files if first else ():
        yield Check(
            f"{path} to be there",
            f"[ -f {quote(path)} ] || {{ echo 'it is missing'; exit 1; }}\n",
            hint=f"{_whose(path, etcd)}: put it there, or name it in files of the Inventory",
            key=CERTIFICATES,
        )
    least = cluster.release.features.least_external_etcd
    absent = "" if first or not etcd.files else f"[ -e {quote(etcd.files[-1])} ] || exit 0\n"
    loop = (
        f'said="$({_curl(etcd)} "$endpoint/version" 2>&1)" || {{ echo "$endpoint: ${{said##*$\'\\n\'}}"; exit 1; }}\n'
        'version="$(sed -n \'s/.*"etcdserver": *"\\([0-9.]*\\).*/\\1/p\' <<<"$said")"\n'
        '[ -n "$version" ] || { echo "$endpoint: it does not tell its version"; exit 1; }\n'
        f'printf \'%s\\n\' {least} "$version" | sort -V -C || {{ echo "$endpoint is etcd $version"; exit 1; }}\n'
    )
    yield Check(
        f"the external etcd to answer, and to be {least} or newer",
        # A machine without curl has not had chapter 5 yet.
        f"command -v curl >/dev/null || exit 0\n{absent}"
        + for_each("endpoint", [quote(url.rstrip("/")) for url in etcd.http_endpoints], loop),
        hint="does etcd run there, does a firewall let this node through, and do caFile, certFile and keyFile belong to it?",
        key=VERSION,
    )


def _curl(etcd: EtcdExternal) -> str:
    """curl as kubeadm asks: with the client certificate, and trusting the given CA alone."""
    argv = ["curl", "-sS", "-f", "-g", "-m", str(LIMIT), "--noproxy", "*"]
    for option, path in (("--cacert", etcd.ca_file), ("--cert", etcd.cert_file), ("--key", etcd.key_file)):
        argv += [option, path] if path else []
    return words(argv)


def _whose(path: str, etcd: EtcdExternal) -> str:
    names = {etcd.ca_file: "etcd's CA", etcd.cert_file: "the client certificate for etcd", etcd.key_file: "its key"}
    return names[path]


def checks(cluster: Cluster, seconds: int) -> Iterator[Check]:
    """What the client certificate is worth: nobody here renews it. `seconds`: how long it has to last."""
    etcd = cluster.etcd
    if not isinstance(etcd, EtcdExternal) or not etcd.cert_file:
        return
    certificate, key = quote(etcd.cert_file), quote(etcd.key_file)
    whoever = "whoever runs etcd issues a new one; kube-apiserver reads it with its next connection"
    yield Check(
        f"{etcd.cert_file} to fit its key",
        f'public="$(openssl x509 -in {certificate} -noout -pubkey 2>/dev/null)" || {{ echo "it is no certificate"; exit 1; }}\n'
        f'[ "$public" = "$(openssl pkey -in {key} -pubout 2>/dev/null)" ] || {{ echo "it does not"; exit 1; }}\n',
        hint=whoever,
    )
    yield Check(
        f"{etcd.cert_file} to last for {seconds // (24 * 3600)} days",
        f"openssl x509 -in {certificate} -noout -checkend {seconds} >/dev/null 2>&1 ||\n"
        f'  {{ echo "it ends $(openssl x509 -in {certificate} -noout -enddate 2>/dev/null)"; exit 1; }}\n',
        hint=whoever,
        severity=Severity.WARNING,
    )
    if etcd.key_file.startswith(f"{cluster.paths.pki}/") and etcd.key_file.endswith(".key"):
        # Asked with all other keys there.
        return
    yield Check(
        f"{etcd.key_file} to be readable by root only",
        f'[ -z "$(find -L {key} -perm /077 2>/dev/null)" ] || {{ echo "others can read it"; exit 1; }}\n',
        hint=f"chmod 0600 {etcd.key_file}",
    )
