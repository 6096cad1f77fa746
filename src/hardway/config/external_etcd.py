"""etcd.external: what kubeadm checks of it, and what it takes although the API servers could not use it.

Source: kubeadm v1.30.4 and v1.35.4 `app/apis/kubeadm/validation/validation.go` (ValidateEtcd).
"""

import re
from collections.abc import Iterator

from hardway.chapters.external_etcd import SYSTEM_CAS, directories
from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.machines import is_dns_name
from hardway.config.networks import address
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.features import V1BETA3
from hardway.gotypes.paths import clean
from hardway.gotypes.structs import Path
from hardway.model import EtcdExternal
from hardway.versions import Release

HERE: Path = ("etcd", "external")
URL = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^]/]*\]|[^:/@\[\]]+)(:(?P<port>[0-9]{1,5}))?/?")
FILES = {"caFile": "ca_file", "certFile": "cert_file", "keyFile": "key_file"}


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with etcd.external."""
    about, external = sources.documents["ClusterConfiguration"], sources.cluster.etcd.external
    if external is None:
        return
    if sources.cluster.etcd.local is not None:
        yield about.problem(("etcd",), "`local` and `external` exclude each other", "keep one of them")
    files = {name: getattr(external, attribute) for name, attribute in FILES.items()}
    why = next((name for name, path in files.items() if path), "")
    yield from _urls(about, (*HERE, "endpoints"), external.endpoints, why)
    yield from _urls(about, (*HERE, "httpEndpoints"), external.http_endpoints, "")
    for name, path in files.items():
        if path and not path.startswith("/"):
            yield about.problem((*HERE, name), f"`{path}` is not an absolute path")
    if bool(external.cert_file) != bool(external.key_file):
        given, missing = ("certFile", "keyFile") if external.cert_file else ("keyFile", "certFile")
        yield about.problem((*HERE, given), f"`{given}` is given without `{missing}`", "give both or none")
    elif external.cert_file and not external.ca_file:
        yield about.problem((*HERE, "certFile"), "`certFile` is given without `caFile`", "name etcd's CA, too")
    release = sources.release
    if release is None:
        return
    knows = release.features.external_etcd_http_endpoints
    # Of v1beta3 that is said already.
    if external.http_endpoints and about.api_version != V1BETA3 and not knows:
        yield about.problem(
            (*HERE, "httpEndpoints"),
            f"kubeadm of Kubernetes {release.minor} does not know `httpEndpoints`",
            "remove it",
        )
    yield from _unseen(about, sources.cluster, external, release)


def _urls(about: SourceDocument, path: Path, urls: list[str], encrypted: str) -> Iterator[Problem]:
    """`encrypted` is the file because of which only https will do."""
    for number, url in enumerate(urls):
        found = URL.fullmatch(url)
        if found is None or not _is_host(found["host"]) or not 0 < int(found["port"] or 443) < 65536:
            yield about.problem(
                (*path, number), f"`{url}` is not the URL of an etcd", "for example https://10.0.0.7:2379"
            )
        elif encrypted and found["scheme"] != "https":
            yield about.problem(
                (*path, number),
                f"`{url}` is not https, but there is `{encrypted}`",
                "write https, or leave out the files",
            )


def _is_host(text: str) -> bool:
    if text.startswith("["):
        return ":" in text and address(text[1:-1]) is not None
    return address(text) is not None or is_dns_name(text.lower())


def _unseen(
    about: SourceDocument, cluster: api.ClusterConfiguration, external: api.ExternalEtcd, release: Release
) -> Iterator[Problem]:
    """Files that kubeadm mounts nowhere, because their directory begins like one that is mounted already."""
    model = EtcdExternal((), external.ca_file, external.cert_file, external.key_file)
    system = release.features.ca_directories
    mounted = [*directories(model, cluster.certificates_dir, system), *system, SYSTEM_CAS, cluster.certificates_dir]
    mounted += [volume.mount_path for volume in cluster.api_server.extra_volumes]
    for name, attribute in FILES.items():
        path = getattr(external, attribute)
        inside = any(clean(path).startswith(f"{folder.rstrip('/')}/") for folder in mounted if folder != "/")
        # What `..` leads back from need not be there inside of the container.
        if path.startswith("/") and (not inside or ".." in path.split("/")):
            yield about.problem(
                (*HERE, name),
                f"kube-apiserver would not see `{path}`: kubeadm does not mount its directory",
                "move it to certificatesDir or to a directory whose path does not begin like another one's",
            )


def attached(sources: Sources) -> Iterator[Problem]:
    """What the Inventory's `files` bring in their place, once they are read."""
    external = sources.cluster.etcd.external
    if external is None:
        return
    wanted = {external.ca_file: "CERTIFICATE", external.cert_file: "CERTIFICATE", external.key_file: "PRIVATE KEY"}
    for path, label in wanted.items():
        if sources.files.get(path) and f"{label}-----" not in sources.files[path]:
            kind = "private key" if path == external.key_file else "certificate"
            yield sources.documents["Inventory"].problem(("files", path), f"holds no {kind} in PEM")
