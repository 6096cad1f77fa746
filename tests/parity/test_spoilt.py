"""Values that hardly belong where they stand, each in an otherwise plain cluster.yaml: both refuse it, or both take it."""

from typing import Any

import pytest
import settings_of_users
import yaml
from minors import READ, kubeadm
from refusals import kubeadm_takes, only_kubeadm_takes
from sides import problems_of

pytestmark = pytest.mark.parity

OF_COMPONENTS = {
    "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}


def with_value(version: str, api: str, place: tuple[str, ...], value: Any) -> str:
    """A cluster.yaml with this value at a place of kubeadm's documents."""
    kind, *path = place
    documents: dict[str, dict[str, Any]] = {
        "ClusterConfiguration": {
            "apiVersion": api,
            "kubernetesVersion": version,
            "controlPlaneEndpoint": "api.example.org",
        },
        "Inventory": {
            "apiVersion": "hardway.dev/v1alpha1",
            "baseDomain": "example.com",
            "nodes": [{"name": "master-1", "address": "10.30.0.11", "roles": ["control-plane"]}],
        },
    }
    here = documents.setdefault(kind, {"apiVersion": OF_COMPONENTS.get(kind, api)})
    for name in path[:-1]:
        here = here.setdefault(name, {})
    here[path[-1]] = value
    return "---\n".join(yaml.safe_dump({"kind": name, **document}) for name, document in documents.items())


@pytest.mark.parametrize("place", settings_of_users.SPOILT, ids=lambda place: ".".join(place[0]))
@pytest.mark.parametrize(("version", "api"), READ)
def test_both_say_the_same_of_a_value(version: str, api: str, place: tuple[tuple[str, ...], list[Any]]) -> None:
    """Of each one, alone: where we say no and kubeadm yes, the reason is on the list; never the other way."""
    for value in place[1]:
        text = with_value(version, api, place[0], value)
        problems = problems_of(text)
        assert only_kubeadm_takes(kubeadm(version), text, problems) == [], text
        assert problems or kubeadm_takes(kubeadm(version), text), text
