"""What a joining node needs: RBAC, cluster-info, and a token of its own (article chapter 24).

kubeadm phase `bootstrap-token`; source: kubeadm v1.30.4 `app/phases/bootstraptoken`. As in kubeadm nobody waits here
for the controller manager to sign cluster-info with the tokens: a node that reads it waits itself (chapter discovery),
and one that got the CA over SSH does not read it. The other masters wait for what comes next.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import HAS_JOINED, apply, kubectl, nodes_asked
from hardway.chapters.objects import BOOTSTRAPPERS, binding, group, role, rule, user
from hardway.chapters.user_tokens import expiration, read_token, token_data, token_secret, user_tokens
from hardway.model import Cluster, Document, Node
from hardway.pki.kubeconfigs import SUPER_ADMIN
from hardway.steps import ApiObjects, Check, Command, Step
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import for_each, heredoc, input_file, quote

QUOTED = '"$file"'
CSR_ROLES = "system:certificates.k8s.io:certificatesigningrequests"
EMPTY = "preferences: {}"


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield ApiObjects(
        "bootstrap-token/cluster-admins",
        (binding("kubeadm:cluster-admins", "cluster-admin", [group("kubeadm:cluster-admins")]),),
        f"{cluster.paths.kubernetes}/admin.conf",
        fallback=f"{cluster.paths.kubernetes}/{SUPER_ADMIN}.conf",
        why="admin.conf may do nothing before this is there: as in kubeadm (EnsureAdminClusterRoleBinding) it is all that"
        " super-admin.conf is taken for, which can be put away afterwards",
    )
    yield ApiObjects(
        "bootstrap-token/rbac",
        (
            role("kubeadm:get-nodes", [rule(["nodes"], ["get"])]),
            binding("kubeadm:get-nodes", "kubeadm:get-nodes", [group(BOOTSTRAPPERS)]),
            binding("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", [group(BOOTSTRAPPERS)]),
            binding("kubeadm:node-autoapprove-bootstrap", f"{CSR_ROLES}:nodeclient", [group(BOOTSTRAPPERS)]),
            binding(
                "kubeadm:node-autoapprove-certificate-rotation",
                f"{CSR_ROLES}:selfnodeclient",
                [group("system:nodes")],
            ),
            role(
                "kubeadm:bootstrap-signer-clusterinfo",
                [rule(["configmaps"], ["get"], ["cluster-info"])],
                "kube-public",
            ),
            binding(
                "kubeadm:bootstrap-signer-clusterinfo",
                "kubeadm:bootstrap-signer-clusterinfo",
                [user("system:anonymous")],
                "kube-public",
            ),
            *(() if cluster.release.features.kubelet_client_is_admin else (kubelet_client(),)),
        ),
        f"{cluster.paths.kubernetes}/admin.conf",
        why="a token lets a node ask for a certificate and read cluster-info, and nothing else",
    )
    if cluster.bootstrap_tokens:
        # Before cluster-info, which says that it was done.
        yield user_tokens(cluster)
    yield _cluster_info(cluster)
    joining = tuple(other for other in cluster.kubernetes_nodes if other != cluster.first_control_plane)
    if joining:
        yield _tokens(cluster, joining)


def kubelet_client() -> Document:
    """Where its certificate has no group that is allowed everything, the API server's client may still reach kubelets."""
    return binding(
        "kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin", [user("kube-apiserver-kubelet-client")]
    )


def _cluster_info(cluster: Cluster) -> Command:
    # The text is signed as it stands, so it is kubeadm's to the byte. It holds the CA, which exists only at run time.
    kubeconfig = dump_go(
        {
            "apiVersion": "v1",
            "clusters": [
                {"cluster": {"certificate-authority-data": "$ca", "server": cluster.endpoint.url}, "name": ""},
            ],
            "contexts": None,
            "current-context": "",
            "kind": "Config",
            **({"preferences": {}} if cluster.release.features.empty_values_written else {}),
            "users": None,
        }
    )
    text = dump_go(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cluster-info", "namespace": "kube-public"},
            # The other keys are the controller manager's signatures; an apply leaves them alone.
            "data": {"kubeconfig": kubeconfig},
        }
    )
    comparable = kubeconfig.replace(f"{EMPTY}\n", "")
    read_ca = f'ca="$(base64 -w0 {quote(cluster.paths.ca)})"\n'
    return Command(
        "bootstrap-token/cluster-info",
        "publish the CA and the endpoint in ConfigMap cluster-info",
        f"{read_ca}{apply(cluster)} <<EOF\n{text}EOF\n",
        Check(
            "cluster-info to be published",
            f'{read_ca}stored="$({kubectl(cluster)} -n kube-public get configmap cluster-info'
            f' -o {quote("jsonpath={.data.kubeconfig}")} 2>/dev/null || true)"\n'
            # kubeadm upgrade leaves the text as it was, and up to 1.33 it has this line.
            f'cmp -s <(grep -vxF {quote(EMPTY)} <<<"$stored") - <<EOF'
            f" || {{ echo 'it is missing or differs'; exit 1; }}\n{comparable}EOF\n",
        ),
        idempotent=True,
        why="a joining node reads it before it can trust anything; the controller manager signs it with each token",
    )


def _tokens(cluster: Cluster, joining: tuple[Node, ...]) -> Command:
    names = tuple(f"token/{other.name}" for other in joining)
    table = "".join(f"{other.name} {input_file(name)}\n" for other, name in zip(joining, names, strict=True))
    secret = token_secret(token_data(("authentication", "signing"), (BOOTSTRAPPERS,), ""))
    return Command(
        "bootstrap-token/tokens",
        "create a bootstrap token for each node that has not joined",
        f"(\n{nodes_asked(cluster)}\n"
        f"{expiration(cluster.token_ttl)}\n"
        "pending=()\n"
        + heredoc(
            f'while read -r name file; do\n  if {HAS_JOINED}; then rm -f "$file"; else pending+=("$file"); fi\ndone',
            table,
        )
        + 'if [ "${#pending[@]}" -eq 0 ]; then exit 0; fi\n'
        'for file in "${pending[@]}"; do\n'
        f"  {read_token(QUOTED)}\n"
        f"  cat <<EOF\n---\n{secret}EOF\n"
        f"done | {apply(cluster)}\n)\n",
        Check(
            "all nodes to have joined",
            f"{nodes_asked(cluster)} || {{ echo 'the API does not answer admin.conf'; exit 1; }}\n"
            + for_each(
                "name",
                (quote(other.name) for other in joining),
                f'{HAS_JOINED} || {{ echo "$name has not joined"; exit 1; }}\n',
            ),
        ),
        idempotent=True,
        inputs=names,
        why="one token per node, deleted when the node has joined: a leaked one opens little, and not for long",
    )


BOOTSTRAP_TOKEN = Chapter(
    "bootstrap-token", "Roles, bootstrap tokens and cluster-info", (24,), "bootstrap-token", steps=steps
)
