"""Delete the tokens of nodes that have joined (`kubeadm token delete`; the article leaves its token behind)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import input_file


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    kubectl = f"kubectl --kubeconfig={cluster.paths.kubernetes}/admin.conf"
    for joining in cluster.kubernetes_nodes:
        if joining == cluster.first_control_plane:
            continue
        file = input_file(f"token/{joining.name}")
        yield Command(
            f"token-delete/{joining.name}",
            f"delete the token of {joining.name}",
            f'token="$(cat {file})"\n'
            f'{kubectl} -n kube-system delete secret "bootstrap-token-${{token%%.*}}" --ignore-not-found\n'
            f"rm -f {file}\n",
            Check("the token to be gone", f"[ ! -e {file} ] || {{ echo 'it is still there'; exit 1; }}\n"),
            watches=(file,),
            why="the node has its certificate now",
        )
    key = input_file("certificate-key")
    yield Command(
        "token-delete/certificate-key",
        "forget the certificate key of this run",
        f"rm -f {key}\n",
        Check("the certificate key to be gone", f"[ ! -e {key} ] || {{ echo 'it is still there'; exit 1; }}\n"),
        idempotent=True,
        watches=(key,),
        why="all masters have their CAs",
    )


TOKEN_CLEANUP = Chapter("token-delete", "Tokens that have served", (), steps=steps)
