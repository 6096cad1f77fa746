"""Small builders of API objects, in the shapes that kubeadm makes (without the fields that the server fills in)."""

from collections.abc import Iterable, Mapping
from typing import Any

from hardway.model import Document, freeze_document

BOOTSTRAPPERS = "system:bootstrappers:kubeadm:default-node-token"
"""Group of kubeadm's bootstrap tokens."""
RBAC = "rbac.authorization.k8s.io"


def group(name: str) -> dict[str, Any]:
    """A group as subject."""
    return {"apiGroup": RBAC, "kind": "Group", "name": name}


def user(name: str) -> dict[str, Any]:
    """A user as subject."""
    return {"apiGroup": RBAC, "kind": "User", "name": name}


def service_account(name: str) -> dict[str, Any]:
    """A ServiceAccount of kube-system as subject."""
    return {"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}


def rule(resources: Iterable[str], verbs: Iterable[str], names: Iterable[str] = (), api: str = "") -> dict[str, Any]:
    """One rule of a role."""
    value: dict[str, Any] = {"apiGroups": [api], "resources": list(resources), "verbs": list(verbs)}
    if listed := list(names):
        value["resourceNames"] = listed
    return value


def role(name: str, rules: Iterable[Mapping[str, Any]], namespace: str = "") -> Document:
    """A Role, or a ClusterRole when no namespace is given."""
    return freeze_document(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "Role" if namespace else "ClusterRole",
            "metadata": _metadata(name, namespace),
            "rules": list(rules),
        }
    )


def binding(name: str, to: str, subjects: Iterable[Mapping[str, Any]], namespace: str = "") -> Document:
    """A RoleBinding to a Role of the namespace, or a ClusterRoleBinding to a ClusterRole."""
    kind = "Role" if namespace else "ClusterRole"
    return freeze_document(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": _metadata(name, namespace),
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": to},
            "subjects": list(subjects),
        }
    )


def config_map(name: str, namespace: str, data: Mapping[str, str], **metadata: Mapping[str, str]) -> Document:
    """A ConfigMap; `metadata` takes labels and annotations."""
    return freeze_document(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**_metadata(name, namespace), **metadata},
            "data": dict(data),
        }
    )


def service_account_object(name: str) -> Document:
    """A ServiceAccount of kube-system."""
    return freeze_document({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(name, "kube-system")})


def _metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace} if namespace else {"name": name}
