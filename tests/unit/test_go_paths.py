"""Directories as kubeadm shortens them: those of files, and not those of volumes."""

import pytest

from hardway.chapters import control_plane, etcd
from hardway.config.load import loads
from hardway.gotypes.paths import clean

WRITTEN = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
controlPlaneEndpoint: api.example.com
certificatesDir: //srv/./certs/
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes: [{name: master-1, address: 10.0.0.11, roles: [control-plane]}]
"""


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/a", "/a"),
        ("/a/", "/a"),
        ("//a", "/a"),
        ("///a//b/", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/..", "/"),
        ("/", "/"),
    ],
)
def test_paths_are_shortened_as_by_go(path: str, short: str) -> None:
    """Two slashes at the beginning, too, which Python keeps."""
    assert clean(path) == short
    assert clean(short) == short


def test_files_have_the_short_path_and_volumes_the_written_one() -> None:
    """kubeadm joins the names of files to certificatesDir, and mounts the directory as it is written."""
    cluster = loads(WRITTEN)
    node = cluster.first_control_plane
    server = control_plane.kube_apiserver(cluster, node)
    member = etcd.manifest(cluster, node, "master-1=https://10.0.0.11:2380")

    assert "--client-ca-file=/srv/certs/ca.crt" in server["spec"]["containers"][0]["command"]
    assert "--cert-file=/srv/certs/etcd/server.crt" in member["spec"]["containers"][0]["command"]
    assert [volume["hostPath"]["path"] for volume in server["spec"]["volumes"] if volume["name"] == "k8s-certs"] == [
        "//srv/./certs/"
    ]
    assert [volume["hostPath"]["path"] for volume in member["spec"]["volumes"] if volume["name"] == "etcd-certs"] == [
        "//srv/./certs//etcd"
    ]
    assert cluster.kubelet_configuration["authentication"]["x509"]["clientCAFile"] == "/srv/certs/ca.crt"
