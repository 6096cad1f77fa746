"""What every machine gets before any phase of kubeadm (article chapters 3-10)."""

from hardway.chapters.base_os import BASE_OS
from hardway.chapters.configure_components import CONFIGURE_COMPONENTS
from hardway.chapters.install_components import INSTALL_COMPONENTS
from hardway.chapters.kernel_modules import KERNEL_MODULES
from hardway.chapters.load_balancer import LOAD_BALANCER
from hardway.chapters.network import NETWORK
from hardway.chapters.preflight import PREFLIGHT
from hardway.chapters.readiness import READINESS
from hardway.chapters.sysctls import SYSCTLS
from hardway.workflows.stage import Stage, balancers, everywhere, kubernetes_nodes

BALANCER: tuple[Stage, ...] = (
    Stage(READINESS, everywhere),
    Stage(BASE_OS, everywhere),
    Stage(LOAD_BALANCER, balancers),
)
"""The balancer stands before chapter 22: kubelets and admins reach the API through it from their first word on."""

PREPARE: tuple[Stage, ...] = (
    Stage(KERNEL_MODULES, kubernetes_nodes),
    Stage(SYSCTLS, kubernetes_nodes),
    Stage(INSTALL_COMPONENTS, kubernetes_nodes),
    Stage(CONFIGURE_COMPONENTS, kubernetes_nodes),
    # The pod network is plain files and routes; laid down before the kubelet starts, nodes are Ready at once.
    Stage(NETWORK, kubernetes_nodes),
    Stage(PREFLIGHT, kubernetes_nodes),
)
