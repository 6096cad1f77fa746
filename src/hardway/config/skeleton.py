"""A first cluster.yaml from a few answers, with comments that say what can be changed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardway.config.inventory import API_VERSION
from hardway.steps import yaml
from hardway.versions import DEFAULT, release


@dataclass(frozen=True)
class Answers:
    """What has to be known to begin."""

    name: str
    domain: str
    masters: Mapping[str, str]
    """Short name to address."""
    workers: Mapping[str, str]
    balancers: Mapping[str, str]
    kubernetes: str = DEFAULT
    ssh_user: str = ""
    network: str = "bridge"
    """`bridge` or `none`, as network.kind of the Inventory."""
    services: str = "10.96.0.0/16"
    pods: str = "10.244.0.0/16"


Part = tuple[str, dict[str, Any]]
"""A comment (lines without #), and the fields that it is about."""


def skeleton(answers: Answers) -> str:
    """The text of a cluster.yaml. It is not asked whether the answers make sense: `loads` does."""
    api = release(answers.kubernetes).features.config_apis[-1]
    head = (
        f"The cluster {answers.name}: kubeadm's own documents, and the Inventory of its machines.\n"
        "  hardway plan     shows what would be done\n"
        "  hardway apply    does it\n"
        "Fields of kubeadm's documents mean what kubeadm's reference says; the Inventory's are in docs/inventory.md."
    )
    documents = (_cluster(answers, api), _kubelet(), _inventory(answers))
    return _comment(head) + "---\n".join("".join(_text(part) for part in parts) for parts in documents)


def _cluster(answers: Answers, api: str) -> list[Part]:
    return [
        (
            "",
            {
                "apiVersion": api,
                "kind": "ClusterConfiguration",
                "clusterName": answers.name,
                "kubernetesVersion": answers.kubernetes,
            },
        ),
        (
            "Where everybody reaches the API. Its record must lead to the balancer (hardway render dns).",
            {"controlPlaneEndpoint": f"api.{answers.name}.{answers.domain}:6443"},
        ),
        (
            "Services. Nothing outside of the cluster may have addresses in it. Decided once.",
            {"networking": {"serviceSubnet": answers.services, "dnsDomain": "cluster.local"}},
        ),
    ]


def _kubelet() -> list[Part]:
    return [
        (
            "Shared by all kubelets. Their serving certificates come from the cluster's CA: apply approves the first ones,\n"
            "`hardway csr approve --watch` those that follow.",
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "serverTLSBootstrap": True,
            },
        ),
    ]


def _inventory(answers: Answers) -> list[Part]:
    roles = (
        (answers.masters, "control-plane"),
        (answers.workers, "worker"),
        (answers.balancers, "load-balancer"),
    )
    nodes = [
        {"name": name, "address": where, "roles": [role]} for listed, role in roles for name, where in listed.items()
    ]
    parts: list[Part] = [
        ("", {"apiVersion": API_VERSION, "kind": "Inventory"}),
        (f"Machines are called NAME.{answers.name}.{answers.domain}.", {"baseDomain": answers.domain}),
    ]
    if answers.ssh_user:
        parts.append(
            (
                "The login needs sudo. Keys, jump hosts and the like: ~/.ssh/config.",
                {"ssh": {"user": answers.ssh_user}},
            )
        )
    parts.append(
        ("The first master makes the CAs. An odd number of masters keeps etcd's quorum best.", {"nodes": nodes})
    )
    if answers.network == "bridge":
        parts.append(
            (
                "Pods: a bridge on each node and static routes between them, for machines on one link.\n"
                "`kind: none` and your own network's manifests (`manifests: [FILE]`) instead are as good.",
                {"network": {"kind": "bridge", "podCIDR": answers.pods}},
            )
        )
    else:
        parts.append(
            (
                "No pod network: nodes stay NotReady until one is there, for example by `manifests: [FILE]`.",
                {"network": {"kind": "none"}},
            )
        )
    return parts


def _text(part: Part) -> str:
    comment, fields = part
    return (_comment(comment) if comment else "") + yaml.dump(fields)


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.split("\n"))
