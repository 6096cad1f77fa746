"""Files from which a kubelet makes static pods, as nodes have them. Pure."""

from collections.abc import Collection
from typing import Any

import yaml

from hardway.config.scalars import value_of
from hardway.model import Cluster
from hardway.renderers.files import Entry


def pod(entry: Entry) -> tuple[str, Any]:
    """The Pod's name and the Pod; the name is empty where a file holds none."""
    try:
        value = value_of(entry.content)
        return str(value["metadata"]["name"]), value
    # Of a `!!timestamp` that there is none of, yaml says ValueError.
    except (yaml.YAMLError, LookupError, TypeError, ValueError):
        return "", None


def of_master(cluster: Cluster, there: Collection[str]) -> bool:
    """A node with these files runs a control plane, whatever its label says: that is a word that people can remove."""
    return any(f"{cluster.paths.manifests}/{name}.yaml" in there for name in ("etcd", "kube-apiserver"))
