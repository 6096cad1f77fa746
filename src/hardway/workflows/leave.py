"""A node leaves: `hardway node remove` and `hardway reset`. Each is a list for one node that leaves and one that helps."""

from hardway.chapters.leave import Drain, delete_node, drain, remove_member
from hardway.chapters.reset import RESET
from hardway.model import Cluster, Node
from hardway.workflows.stage import After, Selector, Stage


def just(node: Node) -> Selector:
    """The selector of this node alone."""

    def selected(cluster: Cluster) -> tuple[Node, ...]:
        return (cluster.node(node.name),)

    return selected


def remove(leaving: Node, helper: Node, how: Drain, *, reset: bool) -> tuple[Stage, ...]:
    """Drain, member of etcd, machine, Node object."""
    return (Stage(drain(leaving, how), just(helper)), *take_back(leaving, helper, reset=reset))


def take_back(leaving: Node, helper: Node, *, reset: bool = True) -> tuple[Stage, ...]:
    """The same without the drain.

    kubeadm leaves the Node object to `kubectl delete node`; while it stands there a machine of this name is taken for
    one that has joined. It goes after the machine's kubelet, which cannot report itself any more then.
    """
    member = (Stage(remove_member(leaving), just(helper)),) if leaving.is_control_plane else ()
    before = (After(member[-1].chapter.name, just(helper)),) if member else (After("drain", just(helper)),)
    machine = (Stage(RESET, just(leaving), after=before),) if reset else ()
    return (*member, *machine, Stage(delete_node(leaving), just(helper), after=(After("reset", just(leaving)),)))


def clean(leaving: Node) -> tuple[Stage, ...]:
    """The machine alone: nobody is left who could help, or the whole cluster is taken down."""
    return (Stage(RESET, just(leaving)),)
