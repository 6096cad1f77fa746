"""Serving certificates of kubelets, approved only when everything agrees (article chapter 13, tab Kubelet Server).

The controller manager never approves signer kubernetes.io/kubelet-serving; until somebody does, logs and exec fail.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import kubectl
from hardway.model import Cluster, Node
from hardway.pki.openssl import printed_address
from hardway.steps import Check, Command, Step
from hardway.steps.shell import heredoc, quote

LIMIT = 120
"""Seconds for all kubelets to ask, to be approved and to serve."""
SIGNER = "kubernetes.io/kubelet-serving"
PORT = 10250

ROW = (
    "{{.metadata.name}}|{{range .status.conditions}}{{.type}} {{end}}|{{.spec.request}}"
    '|{{printf "%q" .spec.usages}}|{{printf "%q" .spec.groups}}|{{printf "%q" .spec.username}}{{"\\n"}}'
)
"""One request in one line. Names that people choose are quoted, so that none begins a line of its own, and stand last,
so that none passes for what is before it."""

JUDGE = """\
# Says why a request is not approved; nothing when it is all right. Set: $user $groups $usages $request
objection() {
  local name text names
  name="${user#\\"system:node:}" name="${name%\\"}"
  if [ "$user" != "\\"system:node:$name\\"" ] || [ -z "${sans[$name]:-}" ]; then
    echo "it is not from a node of the inventory"
    return
  fi
  case " ${groups#[}" in *' "system:nodes"'*) ;; *) echo "it is not from a node"; return ;; esac
  case "$usages" in
    '["digital signature" "server auth"]' | '["digital signature" "key encipherment" "server auth"]') ;;
    '["key encipherment" "digital signature" "server auth"]') ;;
    *) echo "it asks for the usages $usages"; return ;;
  esac
  text="$(base64 -d <<<"$request" | openssl req -noout -verify -subject -nameopt RFC2253 -text 2>&1)" || true
  grep -q 'verify OK$' <<<"$text" || { echo "it is not signed with its own key"; return; }
  grep -qxF "subject=CN=system:node:$name,O=system:nodes" <<<"$text" || { echo "its subject is not the node's"; return; }
  names="$(grep -A1 'Subject Alternative Name' <<<"$text" | sed 1d | tr -d ' ')"
  [ "$names" = "${sans[$name]}" ] || echo "it asks for the names ${names//$'\\n'/, }, wanted ${sans[$name]}"
}
"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    bootstraps = cluster.kubelet_configuration.get("serverTLSBootstrap") is True
    if not bootstraps or not cluster.approve_serving_certificates:
        return
    yield Command(
        "approve-serving",
        "approve the kubelets' serving certificates that agree with the inventory",
        f"(\n{_sans(cluster)}{JUDGE}"
        "declare -A told\n"
        f"deadline=$((SECONDS + {LIMIT}))\n"
        f"while :; do\n{_approve(cluster)}{_missing(cluster)}"
        '[ -n "$missing" ] || break\n'
        'if [ "$SECONDS" -ge "$deadline" ]; then\n'
        '  echo "no serving certificate of the cluster yet on:$missing" >&2\n'
        f"  echo 'hint: kubectl get csr; does port {PORT} answer?' >&2\n"
        "  exit 1\nfi\n"
        "sleep 0.3\ndone\n)\n",
        Check(
            "every kubelet to serve with a certificate of the cluster's CA",
            _missing(cluster) + '[ -z "$missing" ] || { echo "not yet:$missing"; exit 1; }\n',
            hint="kubectl get csr shows what waits for approval",
        ),
        idempotent=True,
        why="whoever gets such a certificate can pose as a kubelet, so name, requester and addresses must agree",
    )


def _sans(cluster: Cluster) -> str:
    """bash that sets $sans: what each node may ask for, as openssl prints it."""
    listed = (
        f"sans[{quote(other.name)}]={quote(f'DNS:{other.name},IPAddress:{printed_address(other.address)}')}\n"
        for other in cluster.kubernetes_nodes
    )
    return f"declare -A sans\n{''.join(listed)}"


def _rows(cluster: Cluster) -> str:
    """Command that prints a row for every request to the signer."""
    template = f'{{{{range .items}}}}{{{{if eq .spec.signerName "{SIGNER}"}}}}{ROW}{{{{end}}}}{{{{end}}}}'
    return f"{kubectl(cluster)} get csr -o {quote('go-template=' + template)}"


def _approve(cluster: Cluster) -> str:
    """bash that looks at every open request once."""
    return (
        "approved=()\n"
        "while IFS='|' read -r csr conditions request usages groups user; do\n"
        '  [ -z "$conditions" ] || continue\n'
        '  why="$(objection)"\n'
        '  if [ -z "$why" ]; then approved+=("$csr"); continue; fi\n'
        '  [ -n "${told[$csr]:-}" ] || printf \'warning: %s of %s is not approved: %q\\n\' "$csr" "$user" "$why" >&2\n'
        "  told[$csr]=1\n"
        f"done < <({_rows(cluster)})\n"
        'if [ "${#approved[@]}" -gt 0 ]; then\n'
        f'  {kubectl(cluster)} certificate approve "${{approved[@]}}"\nfi\n'
    )


def judging(cluster: Cluster) -> str:
    """bash that prints a line for every request: name, user, conditions, and why an open one is not to be approved."""
    return (
        f"{_sans(cluster)}{JUDGE}"
        f'rows="$({_rows(cluster)})"\n'
        "while IFS='|' read -r csr conditions request usages groups user; do\n"
        '  [ -n "$csr" ] || continue\n'
        '  why=""\n'
        '  [ -n "$conditions" ] || why="$(objection)"\n'
        # What the request says may hold anything; a line stays a line.
        "  why=\"${why//[$'\\t\\n']/ }\"\n"
        '  user="${user#\\"}"\n'
        '  printf \'%s\\t%s\\t%s\\t%s\\n\' "$csr" "${user%\\"}" "${conditions% }" "$why"\n'
        'done <<<"$rows"\n'
    )


def _missing(cluster: Cluster) -> str:
    """bash that sets $missing: the nodes whose kubelet does not serve with a certificate of the cluster yet."""
    ca = quote(cluster.paths.ca)
    table = "".join(f"{other.name} {other.address}\n" for other in cluster.kubernetes_nodes)
    loop = (
        "missing=''\n"
        "while read -r name address; do\n"
        '  case "$address" in *:*) host="[$address]" ;; *) host="$address" ;; esac\n'
        f'  timeout 3 openssl s_client -connect "$host:{PORT}" -verify_ip "$address" -verify_return_error -brief \\\n'
        f'    -CAfile {ca} -no-CApath -no-CAstore </dev/null >/dev/null 2>&1 || missing="$missing $name"\n'
        "done"
    )
    return heredoc(loop, table)


APPROVE_SERVING = Chapter("approve-serving", "Serving certificates of the kubelets", (13,), steps=steps)
