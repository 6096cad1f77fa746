"""What a joining node needs: RBAC, cluster-info, and a token of its own (article chapter 24).

kubeadm phase `bootstrap-token`; source: kubeadm v1.30.4 `app/phases/bootstraptoken`.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.objects import BOOTSTRAPPERS, binding, group, role, rule, user
from hardway.model import Cluster, Node
from hardway.steps import ApiObjects, Check, Command, Step
from hardway.steps.shell import input_file

CSR_ROLES = "system:certificates.k8s.io:certificatesigningrequests"


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    super_admin = f"{cluster.paths.kubernetes}/super-admin.conf"
    yield ApiObjects(
        "bootstrap-token/rbac",
        (
            binding("kubeadm:cluster-admins", "cluster-admin", [group("kubeadm:cluster-admins")]),
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
        ),
        super_admin,
        why="admin.conf works only once kubeadm:cluster-admins is bound, so super-admin.conf makes the first objects",
    )
    yield _cluster_info(cluster)
    for joining in cluster.kubernetes_nodes:
        if joining != cluster.first_control_plane:
            yield _token(cluster, joining)


def _cluster_info(cluster: Cluster) -> Command:
    ca = f"{cluster.paths.pki}/ca.crt"
    kubectl = f"kubectl --kubeconfig={cluster.paths.kubernetes}/super-admin.conf"
    # The text is signed as it stands, so it is kubeadm's to the byte. It holds the CA, which exists only at run time.
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cluster-info\n  namespace: kube-public\ndata:\n"
        "  kubeconfig: |\n"
        "    apiVersion: v1\n    clusters:\n    - cluster:\n"
        f"        certificate-authority-data: $(base64 -w0 {ca})\n"
        f"        server: {cluster.endpoint.url}\n"
        '      name: ""\n'
        '    contexts: null\n    current-context: ""\n    kind: Config\n    preferences: {}\n    users: null\n'
    )
    return Command(
        "bootstrap-token/cluster-info",
        "publish the CA and the endpoint in ConfigMap cluster-info",
        f"{kubectl} apply --server-side --force-conflicts --field-manager=hardway -f - <<EOF\n{text}EOF\n",
        Check(
            "cluster-info to be published",
            f"{kubectl} diff --server-side --force-conflicts --field-manager=hardway -f - >/dev/null 2>&1 <<EOF\n"
            f"{text}EOF\n",
        ),
        idempotent=True,
        why="a joining node reads it before it can trust anything; the controller manager signs it with each token",
    )


def _token(cluster: Cluster, joining: Node) -> Command:
    name = f"token/{joining.name}"
    file = input_file(name)
    kubectl = f"kubectl --kubeconfig={cluster.paths.kubernetes}/super-admin.conf"
    return Command(
        f"bootstrap-token/{joining.name}",
        f"create a bootstrap token for {joining.name}",
        f'token="$(cat {file})"\n'
        f"expiration=\"$(date -u -d '+{cluster.token_ttl} seconds' +%Y-%m-%dT%H:%M:%SZ)\"\n"
        f"{kubectl} apply --server-side --force-conflicts --field-manager=hardway -f - <<EOF\n"
        "apiVersion: v1\nkind: Secret\ntype: bootstrap.kubernetes.io/token\nmetadata:\n"
        "  name: bootstrap-token-${token%%.*}\n  namespace: kube-system\nstringData:\n"
        f"  auth-extra-groups: {BOOTSTRAPPERS}\n"
        "  expiration: $expiration\n"
        '  token-id: "${token%%.*}"\n  token-secret: "${token#*.}"\n'
        '  usage-bootstrap-authentication: "true"\n  usage-bootstrap-signing: "true"\nEOF\n',
        # Nobody waits here for the controller manager to sign cluster-info: whoever reads it does.
        Check(
            f"{joining.name} to be registered",
            f"{kubectl} get node {joining.name} -o name >/dev/null 2>&1 || {{ echo 'not registered yet'; exit 1; }}\n",
        ),
        inputs=(name,),
        why="one token per node, deleted when the node has joined: a leaked one opens little, and not for long",
    )


BOOTSTRAP_TOKEN = Chapter(
    "bootstrap-token", "Roles, bootstrap tokens and cluster-info", (24,), "bootstrap-token", steps=steps
)
