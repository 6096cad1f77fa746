"""kube-proxy (kubeadm phase `addon kube-proxy`; the article skips it).

Source: kubeadm v1.30.4 `app/phases/addons/proxy`.
"""

from collections.abc import Iterator
from typing import Any

from hardway.chapters.chapter import Chapter
from hardway.chapters.objects import (
    BOOTSTRAPPERS,
    binding,
    config_map,
    group,
    role,
    rule,
    service_account,
    service_account_object,
)
from hardway.chapters.static_pods import env
from hardway.chapters.upload_config import HASH_ANNOTATION, component_hash
from hardway.model import Cluster, Document, Node, freeze_document, thaw
from hardway.patches.apply import KUBE_PROXY, patched
from hardway.steps import ApiObjects, Step
from hardway.steps.goyaml import dump_go

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def objects(cluster: Cluster, node: Node) -> tuple[Document, ...]:
    """Everything that the add-on consists of; patches are the node's."""
    config = dump_go(cluster.kube_proxy_configuration).rstrip("\n")
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "cluster": {"certificate-authority": f"{ACCOUNT}/ca.crt", "server": cluster.endpoint.url},
                "name": "default",
            }
        ],
        "contexts": [
            {"context": {"cluster": "default", "namespace": "default", "user": "default"}, "name": "default"}
        ],
        "current-context": "default",
        "users": [{"name": "default", "user": {"tokenFile": f"{ACCOUNT}/token"}}],
    }
    connection = dump_go(kubeconfig, ordered=False).rstrip("\n")
    metadata: dict[str, Any] = {"labels": {"app": "kube-proxy"}}
    if not cluster.kube_proxy_configuration_given:
        metadata["annotations"] = {HASH_ANNOTATION: component_hash(config, connection)}
    return (
        service_account_object("kube-proxy"),
        binding("kubeadm:node-proxier", "system:node-proxier", [service_account("kube-proxy")]),
        role("kube-proxy", [rule(["configmaps"], ["get"], ["kube-proxy"])], "kube-system"),
        binding("kube-proxy", "kube-proxy", [group(BOOTSTRAPPERS)], "kube-system"),
        config_map(
            "kube-proxy",
            "kube-system",
            {"config.conf": config, "kubeconfig.conf": connection},
            **metadata,
        ),
        _daemon_set(cluster, node),
    )


def _daemon_set(cluster: Cluster, node: Node) -> Document:
    """With the proxies' variables, which kubeadm adds to what has been patched."""
    value = thaw(patched(node, KUBE_PROXY, _template(cluster), cluster.release.features))
    for container in value["spec"]["template"]["spec"]["containers"][:1] if cluster.proxy.environment else []:
        container["env"] = [*(container.get("env") or []), *env(cluster.proxy.environment)]
    return freeze_document(value)


def _template(cluster: Cluster) -> Document:
    labels = {"k8s-app": "kube-proxy"}
    container = {
        "name": "kube-proxy",
        "image": cluster.image("kube-proxy"),
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "/usr/local/bin/kube-proxy",
            "--config=/var/lib/kube-proxy/config.conf",
            "--hostname-override=$(NODE_NAME)",
        ],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "resources": {},
        "securityContext": {"privileged": True},
        "volumeMounts": [
            {"mountPath": "/var/lib/kube-proxy", "name": "kube-proxy"},
            {"mountPath": "/run/xtables.lock", "name": "xtables-lock"},
            {"mountPath": "/lib/modules", "name": "lib-modules", "readOnly": True},
        ],
    }
    return freeze_document(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"labels": labels, "name": "kube-proxy", "namespace": "kube-system"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [container],
                        "hostNetwork": True,
                        "nodeSelector": {"kubernetes.io/os": "linux"},
                        "priorityClassName": "system-node-critical",
                        "serviceAccountName": "kube-proxy",
                        "tolerations": [{"operator": "Exists"}],
                        "volumes": [
                            {"configMap": {"name": "kube-proxy"}, "name": "kube-proxy"},
                            {
                                "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"},
                                "name": "xtables-lock",
                            },
                            {"hostPath": {"path": "/lib/modules"}, "name": "lib-modules"},
                        ],
                    },
                },
                "updateStrategy": {"type": "RollingUpdate"},
            },
        }
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if not cluster.skips("addon/kube-proxy"):
        yield ApiObjects(
            "addon/kube-proxy",
            objects(cluster, node),
            f"{cluster.paths.kubernetes}/admin.conf",
            why="makes Services reachable on every node",
        )


ADDON_KUBE_PROXY = Chapter("addon/kube-proxy", "kube-proxy", (), "addon kube-proxy", optional=True, steps=steps)
