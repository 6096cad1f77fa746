"""`kubeadm config migrate`: who brings documents of v1beta3 up to v1beta4 with it has the same cluster afterwards."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from configurations import Configuration, clusters
from hypothesis import given, reject, settings
from minors import kubeadm
from test_minors import text

from hardway.config import InvalidConfiguration, load
from hardway.features import V1BETA3, V1BETA4
from hardway.model import BootstrapToken, Cluster, Document, Registration, Taint
from hardway.parity import documents
from hardway.parity.documents import Documents
from hardway.renderers import sandbox
from hardway.renderers.files import contents, file
from hardway.steps.yaml import dump_all

pytestmark = pytest.mark.parity

VERSION = "v1.34.4"
"""Its kubeadm reads both versions of the API."""
TAINT = Taint("node-role.kubernetes.io/control-plane", "NoSchedule")
TIMEOUTS = (
    ("kubeletHealthCheck", "4m0s"),
    ("kubernetesAPICall", "1m0s"),
    ("etcdAPICall", "2m0s"),
    ("tlsBootstrap", "5m0s"),
    ("discovery", "5m0s"),
    ("upgradeManifests", "5m0s"),
)
"""kubeadm's own patience, which it writes out."""
OLD, NEW = "/root/old.yaml", "/root/new.yaml"
TOKEN = {
    "token": "abcdef.0123456789abcdef",
    "apiServerEndpoint": "api.example.org:6443",
    "caCertHashes": ["sha256:00"],
}


def read(configuration: Configuration) -> Cluster:
    """The model of a cluster.yaml and the files beside it."""
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        for name, content in {**configuration.files, "cluster.yaml": configuration.text}.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return load(Path(folder) / "cluster.yaml")


def with_nodes(given: Documents, cluster: Cluster) -> Documents:
    """The documents with what hardway finds in the Inventory, and kubeadm asks for: names, addresses, a discovery."""
    first, last = cluster.nodes[0], cluster.nodes[-1]
    found = {value["kind"]: dict(value) for value in given}
    api = found["ClusterConfiguration"]["apiVersion"]
    init = found.setdefault("InitConfiguration", {"apiVersion": api, "kind": "InitConfiguration"})
    init["nodeRegistration"] = {**init.get("nodeRegistration", {}), "name": first.name}
    init["localAPIEndpoint"] = {**init.get("localAPIEndpoint", {}), "advertiseAddress": first.address}
    if join := found.get("JoinConfiguration"):
        join["nodeRegistration"] = {**join.get("nodeRegistration", {}), "name": last.name}
        join["discovery"] = {"bootstrapToken": TOKEN}
        if "controlPlane" in join:
            endpoint = join["controlPlane"].get("localAPIEndpoint", {})
            join["controlPlane"] = {"localAPIEndpoint": {**endpoint, "advertiseAddress": last.address}}
    return list(found.values())


def migrated(configuration: Configuration, cluster: Cluster) -> Configuration:
    """The cluster.yaml with what the real kubeadm makes of its own documents; it leaves out those of components."""
    read = documents.read(configuration.text)
    of_kubeadm = [value for value in read if value["apiVersion"] == V1BETA3]
    others = [value for value in read if value not in of_kubeadm]
    done = sandbox.run(
        sandbox.machine(cluster.nodes[0], {"kubeadm": kubeadm(VERSION)}),
        f"kubeadm config migrate --old-config {OLD} --new-config {NEW} >&2\n",
        {OLD: file(dump_all(with_nodes(of_kubeadm, cluster)), 0o600)},
    )
    new = contents(done.tree)[NEW].decode()
    made = documents.read(new)
    assert {value["apiVersion"] for value in made} == {V1BETA4}
    assert {value["kind"] for value in made} == {"InitConfiguration", *(value["kind"] for value in of_kubeadm)}
    return replace(configuration, text=f"{new}---\n{dump_all(others)}")


def expected(old: Cluster, new: Cluster, given: Mapping[str, Document]) -> Cluster:
    """The cluster before, with all that may be another afterwards; `given`: its documents by their kinds.

    timeoutForControlPlane has become each node's own patience: kubeadm writes it into both documents, though it had it
    for the first master alone, and the defaults of its own phases beside it. A token that was to be made at random has
    been made by `migrate`, and one where none was asked for. The taint that a master has by default is written out in
    the documents of masters. And flags are a list now, at whose end those stand that the Inventory gives one kubelet.
    """
    join = given.get("JoinConfiguration")
    # One document is for all that join: where it is a master's, kubeadm takes all of them for masters.
    tainted = old.nodes if join is not None and "controlPlane" in join else old.nodes[:1]
    patient = old.nodes if join is not None else old.nodes[:1]
    own = [tuple(entry.get("kubeletExtraArgs") or ()) for entry in given["Inventory"]["nodes"]]
    tokens = zip(old.bootstrap_tokens or (BootstrapToken(),), new.bootstrap_tokens, strict=True)
    return replace(
        old,
        api_server_timeout=Cluster.api_server_timeout,
        nodes=tuple(
            replace(
                node,
                timeouts=TIMEOUTS if node in patient else (),
                startup_seconds=float(old.api_server_timeout if node in patient else Cluster.api_server_timeout),
                registration=written_out(node.registration, flags, tainted=node in tainted),
            )
            for node, flags in zip(old.nodes, own, strict=True)
        ),
        bootstrap_tokens=tuple(one if one.value else replace(one, value=other.value) for one, other in tokens),
    )


def written_out(given: Registration, own: Collection[str], *, tainted: bool) -> Registration:
    """With the taint of masters, unless something is said of taints; the kubelet's `own` flags last."""
    return replace(
        given,
        taints=(TAINT,) if given.taints is None and tainted else given.taints,
        kubelet_extra_args=tuple(sorted(given.kubelet_extra_args, key=lambda flag: flag[0] in own)),
    )


def check(configuration: Configuration) -> None:
    """The same cluster."""
    old = read(configuration)
    new = read(migrated(configuration, old))
    given = {value["kind"]: value for value in yaml.safe_load_all(configuration.text)}

    assert new == expected(old, new, given)


def test_documents_of_v1beta3_mean_the_same_in_v1beta4() -> None:
    """Much of what v1beta3 can say, with a field that v1beta4 has somewhere else."""
    check(Configuration(text(VERSION, V1BETA3)))


@settings(max_examples=8, deadline=None)
@given(clusters(VERSION, api=V1BETA3))
def test_any_documents_of_v1beta3_mean_the_same_in_v1beta4(configuration: Configuration) -> None:
    """Whatever is set and left out."""
    try:
        read(configuration)
    except InvalidConfiguration:
        reject()
    check(configuration)
