"""What random configurations are made of: each thing that users set is drawn, or nobody would notice that it is not."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
import yaml
from configurations import Configuration, clusters, gates
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample
from minors import EVERY
from settings_of_users import KUBELET_FLAGS

from hardway.features import V1BETA3, V1BETA4
from hardway.versions import release

pytestmark = pytest.mark.parity

BOTH = "v1.34.4"
"""A minor that reads both versions of the API, and makes keys of all algorithms."""
Documents = dict[str, dict[str, Any]]
Condition = Callable[[Documents], bool]
INIT, JOIN, CLUSTER, KUBELET, PROXY = (
    f"{name}Configuration" for name in ("Init", "Join", "Cluster", "Kubelet", "KubeProxy")
)
STATIC_PODS = ("apiServer", "controllerManager", "scheduler", "etcd.local")


def documents(text: str) -> Documents:
    """By their kinds."""
    return {value["kind"]: value for value in yaml.load_all(text, yaml.CSafeLoader)}


def at(given: Any, path: str) -> Any:
    """The value at a place such as `etcd.local.dataDir`; None where there is nothing."""
    for name in path.split("."):
        given = given.get(name) if isinstance(given, dict) else None
    return given


def has(kind: str, path: str, *among: Any) -> Condition:
    """Something is set there, and to one of these values where some are given."""

    def condition(given: Documents) -> bool:
        value = at(given.get(kind), path)
        return value in among if among else bool(value)

    return condition


def of_node(field: str) -> Condition:
    """One node of the Inventory has it for itself."""
    return lambda given: any(node.get(field) for node in given["Inventory"]["nodes"])


def etcd_files(*names: str) -> Condition:
    """An external etcd with these files, and no others."""

    def condition(given: Documents) -> bool:
        external = at(given[CLUSTER], "etcd.external")
        files = ("caFile", "certFile", "keyFile")
        return external is not None and tuple(name for name in files if external.get(name)) == names

    return condition


def subnets(*colons: bool) -> Condition:
    """Services have networks of these families in this order; True: IPv6."""
    default = "10.96.0.0/12"
    return lambda given: (
        tuple(":" in part for part in (at(given[CLUSTER], "networking.serviceSubnet") or default).split(","))
        == colons
    )


def nodes_of(role: str, count: int) -> Condition:
    """So many nodes of a role."""
    return lambda given: [node["roles"] for node in given["Inventory"]["nodes"]].count([role]) == count


def kubelet_flag(name: str) -> Condition:
    """A flag of kubelets in InitConfiguration, in either form."""

    def condition(given: Documents) -> bool:
        args = at(given.get(INIT), "nodeRegistration.kubeletExtraArgs") or ()
        return name in args or name in [arg["name"] for arg in args if isinstance(arg, dict)]

    return condition


def taints_of_one_key(given: Documents) -> bool:
    """Which only their effects tell apart."""
    keys = [taint["key"] for taint in at(given.get(INIT), "nodeRegistration.taints") or ()]
    return len(keys) > len(set(keys))


def twice(given: Documents) -> bool:
    """A flag stands more than once."""
    flags = [arg["name"] for arg in at(given[CLUSTER], "apiServer.extraArgs") or () if isinstance(arg, dict)]
    return len(flags) > len(set(flags))


def token(condition: Callable[[dict[str, Any]], bool]) -> Condition:
    """One of bootstrapTokens is like that."""
    return lambda given: any(condition(one) for one in at(given.get(INIT), "bootstrapTokens") or ())


THINGS: dict[str, Condition] = {
    "v1beta3": has(CLUSTER, "apiVersion", V1BETA3),
    "v1beta4": has(CLUSTER, "apiVersion", V1BETA4),
    "IPv4": subnets(False),
    "IPv6": subnets(True),
    "both, IPv4 first": subnets(False, True),
    "both, IPv6 first": subnets(True, False),
    **{f"{count} masters": nodes_of("control-plane", count) for count in (1, 2, 3)},
    **{f"{count} workers": nodes_of("worker", count) for count in (0, 1, 2)},
    "a short name of a worker": lambda given: (
        given["Inventory"]["nodes"][-1]["name"].startswith("worker-1")
        and "." not in given["Inventory"]["nodes"][-1]["name"]
    ),
    "three masters and two workers": lambda given: (
        nodes_of("control-plane", 3)(given) and nodes_of("worker", 2)(given)
    ),
    **{f"a proxy for {field}": has("Inventory", f"proxy.{field}") for field in ("http", "https", "noProxy")},
    **{f"name of {kind}": has(kind, "nodeRegistration.name") for kind in (INIT, JOIN)},
    "caCertPath": has(JOIN, "caCertPath", "/etc/kubernetes/certs/ca.crt"),
    "address": has(INIT, "localAPIEndpoint.advertiseAddress"),
    "address of who joins": has(JOIN, "controlPlane.localAPIEndpoint.advertiseAddress"),
    "certificateKey": has(INIT, "certificateKey"),
    "certificateKey of who joins": has(JOIN, "controlPlane.certificateKey"),
    "discovery": has(JOIN, "discovery.bootstrapToken.token"),
    "another token for TLS": has(JOIN, "discovery.tlsBootstrapToken"),
    **{f"kubelet's {flag}": kubelet_flag(flag) for flag in KUBELET_FLAGS},
    "taints of one key": taints_of_one_key,
    "external etcd without TLS": etcd_files(),
    "external etcd with a CA": etcd_files("caFile"),
    "external etcd with a certificate": etcd_files("caFile", "certFile", "keyFile"),
    "certSANs": has(CLUSTER, "apiServer.certSANs"),
    "serverCertSANs": has(CLUSTER, "etcd.local.serverCertSANs"),
    "peerCertSANs": has(CLUSTER, "etcd.local.peerCertSANs"),
    "a flag twice": twice,
    **{f"extraArgs of {name}": has(CLUSTER, f"{name}.extraArgs") for name in STATIC_PODS},
    **{f"extraEnvs of {name}": has(CLUSTER, f"{name}.extraEnvs") for name in STATIC_PODS},
    **{f"extraVolumes of {name}": has(CLUSTER, f"{name}.extraVolumes") for name in STATIC_PODS[:3]},
    **{f"patches of {kind}": has(kind, "patches.directory") for kind in (INIT, JOIN)},
    "imageRepository": has(CLUSTER, "imageRepository"),
    **{
        f"{field} of {name}": has(CLUSTER, f"{name}.{field}")
        for name in ("dns", "etcd.local")
        for field in ("imageRepository", "imageTag")
    },
    "certificatesDir": has(CLUSTER, "certificatesDir", "/etc/kubernetes/certs"),
    "dataDir": has(CLUSTER, "etcd.local.dataDir", "/data/etcd"),
    "life of certificates": has(CLUSTER, "certificateValidityPeriod"),
    "life of CAs": has(CLUSTER, "caCertificateValidityPeriod"),
    "feature gates": has(CLUSTER, "featureGates"),
    **{f"keys {name}": has(CLUSTER, "encryptionAlgorithm", name) for name in release(BOTH).features.key_algorithms},
    **{
        f"{field} of {kind}": has(kind, f"nodeRegistration.{field}")
        for kind in (INIT, JOIN)
        for field in ("taints", "kubeletExtraArgs", "criSocket", "imagePullPolicy", "ignorePreflightErrors")
    },
    **{f"no taints of {kind}": has(kind, "nodeRegistration.taints", []) for kind in (INIT, JOIN)},
    **{f"{field} of one node": of_node(field) for field in ("taints", "kubeletExtraArgs", "facts")},
    "bindPort": has(INIT, "localAPIEndpoint.bindPort", 7443, 8443),
    "bindPort of who joins": has(JOIN, "controlPlane.localAPIEndpoint.bindPort", 7443, 8443),
    **{
        f"without {phase}": lambda given, phase=phase: phase in (at(given.get(INIT), "skipPhases") or ())
        for phase in ("addon", "addon/coredns", "addon/kube-proxy", "show-join-command")
    },
    "no CoreDNS": has(CLUSTER, "dns.disabled", True),
    "no kube-proxy": has(CLUSTER, "proxy.disabled", True),
    "timeoutForControlPlane": has(CLUSTER, "apiServer.timeoutForControlPlane"),
    **{f"timeouts of {kind}": has(kind, "timeouts") for kind in (INIT, JOIN)},
    **{f"{kind} of people": has(kind, field) for kind, field in ((KUBELET, "maxPods"), (PROXY, "mode"))},
    **{
        f"any field of {kind}": has(kind, field)
        for kind, field in ((KUBELET, "topologyManagerPolicy"), (PROXY, "portRange"))
    },
    "a token": token(lambda one: bool(one.get("token"))),
    "a random token": token(lambda one: not one.get("token")),
    "a token without an end": token(lambda one: one.get("ttl") in ("0", "0s")),
    "a token of other groups": token(lambda one: bool(one.get("groups"))),
    "nothing behind a name": lambda given: any(value is None for value in given[CLUSTER].values()),
}
"""What there is to set, and how it is seen in a cluster.yaml."""


BEGINNINGS = 40
SHORT = settings(max_examples=100, database=None, phases=[Phase.generate])
"""What begins anew with a number of its own is always the same, too."""
ALWAYS_THE_SAME = settings(max_examples=1500, derandomize=True, database=None, phases=[Phase.generate])


def test_everything_that_users_set_is_drawn() -> None:
    """Among some hundreds, of a minor that knows it all."""
    missing = set(THINGS)

    def is_complete(configuration: Configuration) -> bool:
        given = documents(configuration.text)
        missing.difference_update({thing for thing in missing if THINGS[thing](given)})
        return not missing

    # One draw dwells on what it has found: many short ones come further round.
    for beginning in range(BEGINNINGS):
        if missing:
            with suppress(NoSuchExample):
                find(clusters(BOTH), is_complete, settings=SHORT, random=Random(beginning))
    assert missing == set()


@pytest.mark.parametrize("version", EVERY)
def test_every_gate_is_drawn_on_and_off(version: str) -> None:
    """Of each minor, also those that are locked or not built: what is said of them is compared, too."""
    missing = {(name, value) for name in release(version).features.gates for value in (True, False)}

    def is_complete(drawn: dict[str, bool]) -> bool:
        missing.difference_update(drawn.items())
        return not missing

    with suppress(NoSuchExample):
        find(gates(version), is_complete, settings=ALWAYS_THE_SAME)
    assert missing == set()
