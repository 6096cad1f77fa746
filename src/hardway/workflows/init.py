"""The first master (kubeadm init; article chapters 12-27)."""

from hardway.chapters.addons_coredns import ADDON_COREDNS
from hardway.chapters.addons_kube_proxy import ADDON_KUBE_PROXY
from hardway.chapters.bootstrap_token import BOOTSTRAP_TOKEN
from hardway.chapters.certs import CERTS
from hardway.chapters.check_expiration import CHECK_EXPIRATION
from hardway.chapters.control_plane import CONTROL_PLANE
from hardway.chapters.etcd import ETCD
from hardway.chapters.kubeconfig import KUBECONFIG
from hardway.chapters.kubelet_finalize import KUBELET_FINALIZE
from hardway.chapters.kubelet_start import KUBELET_START
from hardway.chapters.mark_control_plane import MARK_CONTROL_PLANE
from hardway.chapters.upload_certs import UPLOAD_CERTS
from hardway.chapters.upload_config import UPLOAD_CONFIG
from hardway.chapters.user_manifests import USER_MANIFESTS
from hardway.chapters.wait_control_plane import WAIT_CONTROL_PLANE
from hardway.workflows.stage import After, Stage, balancers, first_control_plane, first_member

INIT: tuple[Stage, ...] = (
    Stage(CERTS, first_control_plane, makes=("ca-pin", "ca")),
    Stage(KUBECONFIG, first_control_plane),
    Stage(CHECK_EXPIRATION, first_control_plane),
    Stage(CONTROL_PLANE, first_control_plane),
    Stage(ETCD, first_member),
    Stage(KUBELET_START, first_control_plane, after=(After("load-balancer", balancers),)),
    Stage(WAIT_CONTROL_PLANE, first_control_plane),
    # Article order is 24, 25, 26, 27. Joining nodes wait for 24 and 26, nobody waits for 25: so it comes after them.
    Stage(BOOTSTRAP_TOKEN, first_control_plane),
    Stage(UPLOAD_CERTS, first_control_plane),
    Stage(UPLOAD_CONFIG, first_control_plane),
    Stage(MARK_CONTROL_PLANE, first_control_plane),
    Stage(ADDON_COREDNS, first_control_plane),
    Stage(ADDON_KUBE_PROXY, first_control_plane),
    Stage(KUBELET_FINALIZE, first_control_plane),
    Stage(USER_MANIFESTS, first_control_plane),
)
