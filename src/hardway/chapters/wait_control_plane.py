"""State of the control plane (article chapter 23, kubeadm's hidden phase `wait-control-plane`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.discovery import verified_curl
from hardway.model import Cluster, Endpoint, Node
from hardway.steps import Check, Step, Wait
from hardway.steps.shell import quote


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    local = Endpoint(node.address, node.bind_port).url
    get = f"{verified_curl(quote(cluster.paths.ca))} -f -o /dev/null"
    hint = "crictl ps -a, or journalctl -u kubelet, tells which component does not run"
    yield Wait(
        "wait-control-plane/local",
        Check(
            "the API server of this node to be ready",
            f"{get} {quote(local + '/readyz')} 2>&1\n",
            hint=hint,
        ),
        cluster.api_server_timeout,
    )
    yield Wait(
        "wait-control-plane/endpoint",
        Check(
            f"the API to answer at {cluster.endpoint.url}",
            f"{get} {quote(cluster.endpoint.url + '/readyz')} 2>&1\n",
            hint="does the name resolve to the balancer, and does the balancer see this API server as healthy?",
        ),
        60,
    )


WAIT_CONTROL_PLANE = Chapter(
    "wait-control-plane",
    "State of the control plane",
    (23,),
    "wait-control-plane",
    "wait-control-plane",
    steps=steps,
)
