"""The catalogue against kubeadm's list (`app/phases/certs/certlist.go`)."""

from dataclasses import replace
from pathlib import Path

from pki_samples import cluster_below

from hardway.model import Endpoint, Networking, Registration
from hardway.pki import catalog
from hardway.pki.kubeconfigs import kubeconfigs

CLUSTER = cluster_below(Path("/x"))
FIRST, SECOND = CLUSTER.nodes
CERTLIST = {
    "ca": ("ca", "kubernetes", (), ""),
    "apiserver": ("apiserver", "kube-apiserver", (), "ca"),
    "apiserver-kubelet-client": (
        "apiserver-kubelet-client",
        "kube-apiserver-kubelet-client",
        ("kubeadm:cluster-admins",),
        "ca",
    ),
    "front-proxy-ca": ("front-proxy-ca", "front-proxy-ca", (), ""),
    "front-proxy-client": ("front-proxy-client", "front-proxy-client", (), "front-proxy-ca"),
    "etcd-ca": ("etcd/ca", "etcd-ca", (), ""),
    "etcd-server": ("etcd/server", FIRST.name, (), "etcd/ca"),
    "etcd-peer": ("etcd/peer", FIRST.name, (), "etcd/ca"),
    "etcd-healthcheck-client": ("etcd/healthcheck-client", "kube-etcd-healthcheck-client", (), "etcd/ca"),
    "apiserver-etcd-client": ("apiserver-etcd-client", "kube-apiserver-etcd-client", (), "etcd/ca"),
}


def test_the_first_master_gets_exactly_kubeadms_list() -> None:
    """File, common name, organisation and CA of each sub-phase are kubeadm's."""
    pki = CLUSTER.paths.pki
    expected = {
        name: (f"{pki}/{file}.crt", f"{pki}/{file}.key", cn, o, f"{pki}/{ca}.crt" if ca else "")
        for name, (file, cn, o, ca) in CERTLIST.items()
    }
    actual = {
        spec.name: (spec.certificate, spec.key, spec.common_name, spec.organizations, spec.ca_certificate)
        for spec in catalog.certificates(CLUSTER, FIRST)
    }
    assert expected == actual


def test_a_ca_precedes_what_it_signs() -> None:
    """The list can be carried out from top to bottom."""
    seen: set[str] = {""}
    for spec in catalog.certificates(CLUSTER, FIRST):
        assert spec.ca_certificate in seen
        seen.add(spec.certificate)


def test_a_joining_master_makes_no_ca() -> None:
    """The CAs are the cluster's; only leaves are a node's own."""
    expected = [spec.name for spec in catalog.certificates(CLUSTER, FIRST) if not spec.is_ca]
    assert expected == [spec.name for spec in catalog.certificates(CLUSTER, SECOND)]


def test_names_of_the_api_server() -> None:
    """kubeadm's names sorted and unique, addresses in order: service, node, then the user's."""
    spec = next(spec for spec in catalog.leaves(CLUSTER, FIRST) if spec.name == "apiserver")
    assert (
        "*.x.example.com",
        "a.example.com",
        "api.my-first-cluster.example.com",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        FIRST.name,
    ) == spec.dns_names
    assert spec.ip_addresses == ("29.64.0.1", "10.11.0.11", "127.0.0.1", "::1", "fd00::5", "10.1.1.1", "1.2.3.4")


def test_an_endpoint_that_is_an_address_becomes_an_address() -> None:
    """No client accepts an IP address among the DNS names."""
    cluster = replace(CLUSTER, endpoint=Endpoint("fd00::7"), networking=Networking(("fd01::/108",)))
    spec = next(spec for spec in catalog.leaves(cluster, FIRST) if spec.name == "apiserver")
    assert spec.ip_addresses[:3] == ("fd01::1", "10.11.0.11", "fd00::7")
    assert "fd00::7" not in spec.dns_names


def test_names_that_are_none_are_left_out() -> None:
    """kubeadm warns about such a SAN and goes on without it."""
    server = replace(CLUSTER.api_server, cert_sans=("Not_A_Name", "", "-a", "fe80::1%eth0", "ok.example.com"))
    spec = next(s for s in catalog.leaves(replace(CLUSTER, api_server=server), FIRST) if s.name == "apiserver")
    assert "ok.example.com" in spec.dns_names
    assert not {"Not_A_Name", "", "-a", "fe80::1%eth0"} & {*spec.dns_names, *spec.ip_addresses}


def test_kubeconfigs_of_each_master() -> None:
    """super-admin and kubelet only on the first master; controllers talk to the API server beside them."""
    expected = {
        "admin": ("https://api.my-first-cluster.example.com:6443", "kubernetes-admin", ("kubeadm:cluster-admins",)),
        "super-admin": (
            "https://api.my-first-cluster.example.com:6443",
            "kubernetes-super-admin",
            ("system:masters",),
        ),
        "kubelet": (
            "https://api.my-first-cluster.example.com:6443",
            f"system:node:{FIRST.name}",
            ("system:nodes",),
        ),
        "controller-manager": ("https://10.11.0.11:6443", "system:kube-controller-manager", ()),
        "scheduler": ("https://10.11.0.11:6443", "system:kube-scheduler", ()),
    }
    assert expected == {s.name: (s.server, s.user, s.organizations) for s in kubeconfigs(CLUSTER, FIRST)}
    assert [s.name for s in kubeconfigs(CLUSTER, SECOND)] == ["admin", "controller-manager", "scheduler"]


def test_the_rotated_certificate_follows_the_flag() -> None:
    """A kubelet with --cert-dir keeps its certificate there; kubeadm looks there too."""
    moved = replace(FIRST, registration=Registration(kubelet_extra_args=(("cert-dir", "/srv/kubelet"),)))
    cluster = replace(CLUSTER, nodes=(moved, SECOND))
    spec = next(spec for spec in kubeconfigs(cluster, moved) if spec.name == "kubelet")
    assert spec.rotated == "/srv/kubelet/kubelet-client-current.pem"
