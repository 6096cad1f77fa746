"""The documents of one cluster.yaml on their way to the model."""

from dataclasses import dataclass, field
from typing import Any, cast

from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.inventory import Inventory, NodeEntry
from hardway.model import Document


@dataclass
class Sources:
    """What was read: documents with their places, their checked values, and the files that they name."""

    documents: dict[str, SourceDocument] = field(default_factory=dict)
    parsed: dict[str, api.TypeMeta] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    """CA files of registries' mirrors: name in the Inventory to content."""
    manifests: list[Document] = field(default_factory=list)

    @property
    def inventory(self) -> Inventory:
        return cast(Inventory, self.parsed["Inventory"])

    @property
    def cluster(self) -> api.ClusterConfiguration:
        return cast(api.ClusterConfiguration, self.parsed["ClusterConfiguration"])

    @property
    def init(self) -> api.InitConfiguration:
        """InitConfiguration, kubeadm's defaults where the file has none."""
        given = cast("api.InitConfiguration | None", self.parsed.get("InitConfiguration"))
        return given or api.InitConfiguration(api_version=self.cluster.api_version, kind="InitConfiguration")

    @property
    def join(self) -> api.JoinConfiguration:
        """JoinConfiguration, kubeadm's defaults where the file has none."""
        given = cast("api.JoinConfiguration | None", self.parsed.get("JoinConfiguration"))
        return given or api.JoinConfiguration(api_version=self.cluster.api_version, kind="JoinConfiguration")

    @property
    def first_master(self) -> NodeEntry | None:
        """The node that runs the init workflow."""
        return next((node for node in self.inventory.nodes if "control-plane" in node.roles), None)

    def full_name(self, name: str) -> str:
        """FULL_HOST_NAME of the article for a short name; a full name stays as it is."""
        if "." in name:
            return name
        return f"{name}.{self.cluster.cluster_name}.{self.inventory.base_domain}"

    def given(self, kind: str) -> dict[str, Any]:
        """A document as the user wrote it, or nothing."""
        return dict(self.documents[kind].value) if kind in self.documents else {}
