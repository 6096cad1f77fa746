"""Serving certificates of kubelets, approved only when everything agrees (article chapter 13, tab Kubelet Server).

The controller manager never approves signer kubernetes.io/kubelet-serving; until somebody does, logs and exec fail.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki.openssl import printed_address
from hardway.steps import Check, Command, Step

LIMIT = 120
SIGNER = "kubernetes.io/kubelet-serving"


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if cluster.kubelet_configuration.get("serverTLSBootstrap") is not True:
        return
    kubectl = f"kubectl --kubeconfig={cluster.paths.kubernetes}/admin.conf"
    ca = f"{cluster.paths.pki}/ca.crt"
    table = "".join(
        f"{other.name} {other.address} {printed_address(other.address)}\n" for other in cluster.kubernetes_nodes
    )
    serving = (
        "pending=''\n"
        "while read -r name address _; do\n"
        f'  openssl s_client -connect "$address:10250" -CAfile {ca} -verify_return_error -brief </dev/null >/dev/null 2>&1 ||\n'
        '    pending="$pending $name"\n'
        f"done <<'EOF'\n{table}EOF\n"
    )
    yield Command(
        "approve-serving",
        "approve the kubelets' serving certificates that agree with the inventory",
        f"deadline=$((SECONDS + {LIMIT}))\n"
        "while :; do\n"
        f'{kubectl} get csr -o \'jsonpath={{range .items[?(@.spec.signerName=="{SIGNER}")]}}{{.metadata.name}}'
        '{"|"}{.spec.username}{"|"}{.spec.usages}{"|"}{.status.conditions[*].type}{"|"}{.spec.request}{"\\n"}{end}\' |\n'
        "while IFS='|' read -r csr user usages conditions request; do\n"
        '  [ -z "$conditions" ] || continue\n'
        '  name="${user#system:node:}"\n'
        '  line="$(grep "^$name " <<\'EOF\' || true\n' + table + 'EOF\n)"\n'
        '  if [ "$name" = "$user" ] || [ -z "$line" ]; then\n'
        '    echo "not approved: $csr of $user, who is not in the inventory" >&2; continue\n  fi\n'
        '  address="${line##* }"\n'
        '  text="$(base64 -d <<<"$request" | openssl req -noout -verify -subject -nameopt RFC2253 -text 2>&1)"\n'
        '  names="$(grep -A1 "Subject Alternative Name" <<<"$text" | tail -n 1 | tr -d " ")"\n'
        '  case "$usages" in\n'
        """    '["digital signature","server auth"]' | '["digital signature","key encipherment","server auth"]') ;;\n"""
        """    '["key encipherment","digital signature","server auth"]') ;;\n"""
        '    *) echo "not approved: $csr asks for $usages" >&2; continue ;;\n  esac\n'
        '  grep -qF "subject=CN=$user,O=system:nodes" <<<"$text" ||\n'
        '    { echo "not approved: $csr has another subject than $user" >&2; continue; }\n'
        '  [ "$names" = "DNS:$name,IPAddress:$address" ] ||\n'
        '    { echo "not approved: $csr asks for $names, the inventory says $name and $address" >&2; continue; }\n'
        f'  {kubectl} certificate approve "$csr"\n'
        "done\n" + serving + '[ -n "$pending" ] || break\n'
        '[ "$SECONDS" -lt "$deadline" ] || { echo "no valid serving certificate yet:$pending" >&2; exit 1; }\n'
        "sleep 0.3\n"
        "done\n",
        Check(
            "every kubelet to serve with a certificate of the cluster's CA",
            serving + '[ -z "$pending" ] || { echo "not yet:$pending"; exit 1; }\n',
            hint="kubectl get csr shows what waits for approval",
        ),
        why="whoever gets such a certificate can pose as a kubelet, so name, requester and addresses must agree",
    )


APPROVE_SERVING = Chapter("approve-serving", "Serving certificates of the kubelets", (13,), steps=steps)
