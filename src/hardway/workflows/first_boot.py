"""What a machine can do by itself when it boots for the first time (the article's Cloud-init tabs: 5-9 and 22)."""

from collections.abc import Mapping

from hardway.chapters.base_os import BASE_OS
from hardway.chapters.configure_components import CONFIGURE_COMPONENTS
from hardway.chapters.install_components import INSTALL_COMPONENTS
from hardway.chapters.kernel_modules import KERNEL_MODULES
from hardway.chapters.kubelet_start import KUBELET_START
from hardway.chapters.network import NETWORK
from hardway.chapters.sysctls import SYSCTLS
from hardway.workflows.apply import APPLY
from hardway.workflows.stage import Stage

CHAPTERS = (
    BASE_OS,
    KERNEL_MODULES,
    SYSCTLS,
    INSTALL_COMPONENTS,
    CONFIGURE_COMPONENTS,
    # Not in the article; plain files and routes, as the others.
    NETWORK,
    KUBELET_START,
)
"""Chapters that need neither another node nor a run input, and write no file that belongs to a package: all files may be
there before the first command runs."""

FIRST_BOOT: tuple[Stage, ...] = tuple(stage for stage in APPLY if stage.chapter in CHAPTERS)
"""Their stages, in the order in which `apply` has them on each node."""

LEFT_TO_APPLY: Mapping[str, str] = {
    "kubelet-start/joined-as": "base-os has asked it already",
    "kubelet-start/bootstrap-kubeconfig": "it holds the node's token, which is minted when the node joins",
    "kubelet-start/register-again": "no kubelet has registered yet",
    "kubelet-start/start": "a kubelet that has no kubeconfig yet only dies and is started again",
    "kubelet-start/healthz": "the kubelet does not run yet",
}
"""Steps of these chapters that need the cluster, and why."""
