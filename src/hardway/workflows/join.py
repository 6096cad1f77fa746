"""Masters and workers that join (kubeadm join; article chapters 12-27 in their Join tabs, and 28)."""

from hardway.chapters.approve_serving import APPROVE_SERVING
from hardway.chapters.certs import CERTS
from hardway.chapters.check_expiration import CHECK_EXPIRATION
from hardway.chapters.control_plane import CONTROL_PLANE
from hardway.chapters.discovery import DISCOVERY
from hardway.chapters.download_certs import DOWNLOAD_CERTS
from hardway.chapters.etcd_join import ETCD_JOIN
from hardway.chapters.keys import KEYS
from hardway.chapters.kubeconfig import KUBECONFIG
from hardway.chapters.kubelet_start import KUBELET_START
from hardway.chapters.kubelet_wait_bootstrap import KUBELET_WAIT_BOOTSTRAP
from hardway.chapters.mark_control_plane import MARK_CONTROL_PLANE
from hardway.chapters.ports import PORTS
from hardway.chapters.token_cleanup import TOKEN_CLEANUP
from hardway.chapters.wait_control_plane import WAIT_CONTROL_PLANE
from hardway.workflows.stage import (
    After,
    Stage,
    everywhere,
    first_control_plane,
    joining_control_planes,
    joining_members,
    workers,
)

JOIN: tuple[Stage, ...] = (
    # While the first master's API server starts; not beside its own keys, which everybody waits for.
    Stage(KEYS, joining_control_planes, after=(After("kubeconfig", first_control_plane),)),
    Stage(DISCOVERY, joining_control_planes, after=(After("certs", first_control_plane),)),
    Stage(DOWNLOAD_CERTS, joining_control_planes, after=(After("upload-certs", first_control_plane),)),
    Stage(CERTS, joining_control_planes),
    Stage(KUBECONFIG, joining_control_planes),
    Stage(CHECK_EXPIRATION, joining_control_planes),
    Stage(KUBELET_START, joining_control_planes),
    # etcd takes one learner at a time, and the next only when all voters have been connected for five seconds
    # (its strict reconfiguration check); everything else of a joining master overlaps with the others.
    Stage(ETCD_JOIN, joining_members, serial=True),
    # kubeadm writes these manifests before the kubelet starts; an API server whose etcd is still a learner only
    # crash-loops, and each crash costs a back-off of ten seconds. The files are the same.
    Stage(CONTROL_PLANE, joining_control_planes),
    Stage(KUBELET_WAIT_BOOTSTRAP, joining_control_planes),
    Stage(WAIT_CONTROL_PLANE, joining_control_planes),
    Stage(MARK_CONTROL_PLANE, joining_control_planes),
)

WORKER: tuple[Stage, ...] = (
    Stage(DISCOVERY, workers, after=(After("certs", first_control_plane),)),
    Stage(KUBELET_START, workers, after=(After("bootstrap-token", first_control_plane),)),
    Stage(KUBELET_WAIT_BOOTSTRAP, workers),
)

REGISTERED = (After("kubelet-wait-bootstrap", joining_control_planes), After("kubelet-wait-bootstrap", workers))

FINISH: tuple[Stage, ...] = (
    Stage(
        APPROVE_SERVING,
        first_control_plane,
        after=REGISTERED,
    ),
    Stage(
        TOKEN_CLEANUP,
        first_control_plane,
        after=REGISTERED,
    ),
    # Only questions: everybody is there now.
    Stage(PORTS, everywhere),
)
"""What the first master does once the others have registered."""
