"""CoreDNS, the cluster's DNS (kubeadm phase `addon coredns`; the article skips it).

Source: kubeadm v1.30.4 `app/phases/addons/dns`.
"""

from collections.abc import Iterator, Mapping

from hardway.chapters.chapter import Chapter
from hardway.chapters.objects import binding, config_map, role, rule, service_account, service_account_object
from hardway.model import Cluster, Document, Node, freeze_document
from hardway.patches.apply import COREDNS, patched
from hardway.steps import ApiObjects, Step

LABELS = {"k8s-app": "kube-dns"}
REPLICAS = 2


LIVENESS, READINESS = 8080, 8181


def corefile(domain: str, *, caches_cluster: bool = True) -> str:
    """CoreDNS' configuration for a cluster domain."""
    apart = f" {{\n       disable success {domain}\n       disable denial {domain}\n    }}"
    return f""".:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30{"" if caches_cluster else apart}
    loop
    reload
    loadbalance
}}
"""


def own_objects(cluster: Cluster, node: Node) -> tuple[Document, ...]:
    """What administrators make their own: the Corefile, and how many replicas there are. Patches are the node's."""
    return (
        config_map(
            "coredns",
            "kube-system",
            {
                "Corefile": corefile(
                    cluster.networking.dns_domain, caches_cluster=cluster.release.features.coredns_caches_cluster
                )
            },
        ),
        _deployment(cluster, node),
    )


def objects(cluster: Cluster, node: Node) -> tuple[Document, ...]:
    """Everything else that the add-on consists of."""
    return (
        service_account_object("coredns"),
        role(
            "system:coredns",
            [
                rule(["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
                rule(["endpointslices"], ["list", "watch"], api="discovery.k8s.io"),
            ],
        ),
        binding("system:coredns", "system:coredns", [service_account("coredns")]),
        _without_replicas(_deployment(cluster, node)),
        _service(cluster),
    )


def _without_replicas(deployment: Document) -> Document:
    """How many there are is not asked again, unless a patch has decided it."""
    spec = deployment["spec"]
    assert isinstance(spec, Mapping)
    if spec.get("replicas") != REPLICAS:
        return deployment
    return freeze_document({**deployment, "spec": {name: item for name, item in spec.items() if name != "replicas"}})


def _deployment(cluster: Cluster, node: Node) -> Document:
    return patched(node, COREDNS, _template(cluster), cluster.release.features)


def _template(cluster: Cluster) -> Document:
    named = cluster.release.features.named_probe_ports
    probed = [("liveness-probe", LIVENESS), ("readiness-probe", READINESS)] if named else []
    container = {
        "name": "coredns",
        "image": cluster.coredns_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
            {"containerPort": 9153, "name": "metrics", "protocol": "TCP"},
            *({"containerPort": port, "name": name, "protocol": "TCP"} for name, port in probed),
        ],
        "livenessProbe": {
            "failureThreshold": 5,
            "httpGet": {"path": "/health", "port": "liveness-probe" if named else LIVENESS, "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "successThreshold": 1,
            "timeoutSeconds": 5,
        },
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "readiness-probe" if named else READINESS, "scheme": "HTTP"}
        },
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"mountPath": "/etc/coredns", "name": "config-volume", "readOnly": True}],
    }
    apart = {
        "podAffinityTerm": {
            "labelSelector": {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]},
            "topologyKey": "kubernetes.io/hostname",
        },
        "weight": 100,
    }
    return freeze_document(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"labels": LABELS, "name": "coredns", "namespace": "kube-system"},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": LABELS},
                "strategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [apart]}},
                        "containers": [container],
                        "dnsPolicy": "Default",
                        "nodeSelector": {"kubernetes.io/os": "linux"},
                        "priorityClassName": "system-cluster-critical",
                        "serviceAccountName": "coredns",
                        "tolerations": [
                            {"key": "CriticalAddonsOnly", "operator": "Exists"},
                            {"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"},
                        ],
                        "volumes": [
                            {
                                "configMap": {"items": [{"key": "Corefile", "path": "Corefile"}], "name": "coredns"},
                                "name": "config-volume",
                            }
                        ],
                    },
                },
            },
        }
    )


def _service(cluster: Cluster) -> Document:
    return freeze_document(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
                "labels": {
                    **LABELS,
                    "kubernetes.io/cluster-service": "true",
                    "kubernetes.io/name": "CoreDNS",
                },
                "name": "kube-dns",
                "namespace": "kube-system",
            },
            "spec": {
                "clusterIP": cluster.networking.dns_address,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                    {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
                ],
                "selector": LABELS,
            },
        }
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if not cluster.skips("addon/coredns"):
        admin = f"{cluster.paths.kubernetes}/admin.conf"
        yield ApiObjects(
            "addon/coredns/own",
            own_objects(cluster, node),
            admin,
            once=True,
            why="a Corefile or a number of replicas that somebody has changed stays, as with kubeadm",
        )
        yield ApiObjects("addon/coredns", objects(cluster, node), admin, why="pods find Services by name")


ADDON_COREDNS = Chapter("addon/coredns", "CoreDNS", (), "addon coredns", optional=True, steps=steps)
