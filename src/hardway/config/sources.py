"""The documents of one cluster.yaml on their way to the model."""

import posixpath
from dataclasses import dataclass, field
from typing import Any, cast

from hardway import versions
from hardway.config import kubeadm as api
from hardway.config.document import Path, SourceDocument
from hardway.config.inventory import Inventory, NodeEntry
from hardway.features import Features
from hardway.model import Document, Patches
from hardway.versions import Release


@dataclass
class Sources:
    """What was read: documents with their places, their checked values, and the files that they name."""

    release: Release | None = None
    """What belongs to kubernetesVersion; None where nothing is known of that."""
    kubernetes: str = versions.DEFAULT
    """kubernetesVersion, as it stands there."""
    documents: dict[str, SourceDocument] = field(default_factory=dict)
    parsed: dict[str, api.TypeMeta] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    certificates: dict[str, str] = field(default_factory=dict)
    """CA files of registries' mirrors: name in the Inventory to content."""
    manifests: list[Document] = field(default_factory=list)
    patches: dict[str, Patches] = field(default_factory=dict)
    """By their directory on the nodes."""
    patch_places: dict[str, Path] = field(default_factory=dict)
    """A patch file as the user has it, to the place in the Inventory that brings it."""

    @property
    def features(self) -> Features:
        """Those of the release; of the nearest one where it is not known, so that everything else can be checked."""
        return (self.release or versions.nearest(self.kubernetes)).features

    @property
    def config_apis(self) -> tuple[str, ...]:
        """API versions of kubeadm's documents that can be read; all of them where nobody knows what the release reads."""
        known = (self.release,) if self.release else versions.RELEASES
        return tuple(dict.fromkeys(api for release in known for api in release.features.config_apis))

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

    def patches_of(self, *, first: bool) -> str:
        """Directory of the patches of the first master, or of the nodes that join; empty where there are none."""
        given = self.init.patches if first else self.join.patches
        return posixpath.normpath(given.directory) if given and given.directory else ""

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
