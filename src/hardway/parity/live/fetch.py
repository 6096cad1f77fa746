"""bash that reads a node, and the API through a master. It changes nothing, and no key leaves the node: of a private
key it tells the PEM label and the hash of its public key, of a kubeconfig only lines that are known to be harmless.
"""

from hardway.model import Cluster, EtcdExternal, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps.shell import quote, words

_COMMON = r"""
tell() { printf 'audit %s\n' "$*"; }
# Label and hash of the public key of the PEM text on standard input. (bash puts here-strings into files.)
fingerprint() {
  local pem label
  pem="$(cat)"
  label="${pem#*-----BEGIN }"
  label="${label%%-----*}"
  printf '%s|%s' "$label" "$(printf '%s\n' "$pem" | openssl pkey -pubout -outform DER 2>/dev/null | sha256sum | cut -d ' ' -f 1)"
}
# A kubeconfig line by line; what is not known to be harmless stays here.
kubeconfig() {
  local line data
  local known='apiVersion|clusters?|certificate-authority(-data)?|server|name|contexts?|users?|namespace'
  known="^[ -]*($known|current-context|kind|preferences|client-certificate(-data)?|client-key|tls-server-name)"
  # No flow style: {} could hold anything.
  known+=': *([^]{}[]*|[{]}|\[]|https://\[[0-9a-f:]+][:0-9]*)$'
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ ^([ -]*)client-key-data:\ *([A-Za-z0-9+/=]+)$ ]]; then
      data="${BASH_REMATCH[2]}"
      line="${BASH_REMATCH[1]}client-key-data: \"$(printf %s "$data" | base64 -di 2>/dev/null | fingerprint)\""
    elif ! [[ $line =~ $known ]]; then
      continue
    fi
    printf '%s\n' "$line"
  done <"$1"
}
"""

_FILES = r"""
while IFS=$'\t' read -r mode owner kind path; do
  tell stat "$mode" "$owner" "$kind" "$path"
  [ "$kind" = f ] || continue
  case "$path" in
    # Those for an external etcd may have any name, and hold several things.
    "$etcd_ca"|"$etcd_certificate"|"$etcd_key"|*.pem)
       tell content "$(openssl x509 -in "$path" 2>/dev/null | base64 -w0)" "$path"
       tell key "$(openssl pkey -in "$path" 2>/dev/null | fingerprint | tr ' ' _)" "$path" ;;
    *.key) tell key "$(fingerprint <"$path" | tr ' ' _)" "$path" ;;
    # Somebody may have put a key beside a certificate.
    *.crt|*.pub) tell content "$(sed '/BEGIN .*PRIVATE KEY/,/END .*PRIVATE KEY/d' "$path" | base64 -w0)" "$path" ;;
    */manifests/*|"$kubelet"/*config.yaml|*.env) tell content "$(base64 -w0 <"$path")" "$path" ;;
    *.conf) tell content "$(kubeconfig "$path" | base64 -w0)" "$path" ;;
  esac
done < <(
  # Directories and files may be links to another disk; a link that leads nowhere stays one.
  find -L "$kubernetes" "$pki" -maxdepth 3 \( -path "$kubernetes/tmp" -o -path "$kubernetes/patches" \) -prune \
    -o \( -type d -o -name '*.crt' -o -name '*.key' -o -name '*.pub' -o -name '*.conf' -o -path '*/manifests/*' \) \
    -printf '%m\t%u:%g\t%y\t%p\n' 2>/dev/null
  for path in "$kubelet" "$kubelet"/{config.yaml,instance-config.yaml,kubeadm-flags.env} "$data" \
    "$etcd_ca" "$etcd_certificate" "$etcd_key"; do
    [ ! -e "$path" ] || find -L "$path" -maxdepth 0 -printf '%m\t%u:%g\t%y\t%p\n'
  done
  # These are links: what they lead to is asked.
  for path in "$client" "$kubelet/pki/kubelet-server-current.pem"; do
    [ ! -e "$path" ] || stat -L --printf '%a\t%U:%G\tf\t%n\n' "$path"
  done
)
for unit in kubelet containerd crio docker; do
  tell unit "$unit" "$(systemctl is-enabled "$unit.service" 2>/dev/null || true)" "$(systemctl is-active "$unit.service" || true)"
done
pid="$(systemctl show -P MainPID kubelet.service || echo 0)"
[ "${pid:-0}" = 0 ] || tell kubelet "$(base64 -w0 <"/proc/$pid/cmdline")"
tell reload "$(systemctl show -P NeedDaemonReload kubelet.service || true)"
tell end
"""


def node_script(cluster: Cluster, node: Node) -> str:
    """What one node has."""
    paths, etcd = cluster.paths, cluster.etcd
    others = etcd if isinstance(etcd, EtcdExternal) and node.is_control_plane else EtcdExternal(())
    names = {
        "kubernetes": paths.kubernetes,
        "pki": paths.pki,
        "kubelet": paths.kubelet,
        "data": cluster.stacked_etcd.data_dir if cluster.runs_member(node) else paths.kubelet,
        "client": rotated_certificate(cluster, node),
        "etcd_ca": others.ca_file,
        "etcd_certificate": others.cert_file,
        "etcd_key": others.key_file,
    }
    return "".join(f"{name}={quote(value)}\n" for name, value in names.items()) + _COMMON + _FILES


API = r"""
# admin.conf can do nothing without its ClusterRoleBinding, which may be what is missing.
api() {
  local conf found=''
  for conf in /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf; do
    [ -e "$conf" ] || continue
    found="$(kubectl --kubeconfig="$conf" --request-timeout=20s "$@")" && break
  done
  printf '%s\n' "$found"
}
"""
"""bash function: kubectl by whoever may ask."""


def _kubectl(argv: list[str]) -> str:
    return f"api {words(argv)}"


_MEMBERS = r"""
pki="$(sed -n 's/^ *- --trusted-ca-file=//p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null)"
[ -z "$pki" ] || tell members "$(curl -sf -m 10 --cacert "$pki" --cert "${pki%/*}/healthcheck-client.crt" \
  --key "${pki%/*}/healthcheck-client.key" -d '{}' https://127.0.0.1:2379/v3/cluster/member/list | base64 -w0)"
"""

CONFIGURATION = ("cm/kubeadm-config", "cm/kubelet-config", "cm/kube-proxy")
_SECRETS = (
    '{range .items[*]}{.metadata.name}{"\\t"}{.type}{"\\t"}{.data.expiration}{"\\t"}'
    '{.metadata.ownerReferences[0].name}{"\\t"}{.data.usage-bootstrap-signing}{"\\n"}{end}'
)


def cluster_script() -> str:
    """What the cluster says of itself: its configuration, nodes, pods of the control plane, and ends of tokens."""
    asked = {
        "config": ["get", "-n", "kube-system", "--ignore-not-found", "-o", "json", *CONFIGURATION],
        "nodes": ["get", "nodes", "-o", "json"],
        "pods": ["get", "pods", "-n", "kube-system", "-l", "tier=control-plane", "-o", "json"],
        "csrs": ["get", "csr", "-o", "json"],
        "secrets": ["get", "secrets", "-n", "kube-system", "-o", f"jsonpath={_SECRETS}"],
    }
    lines = [
        f'{name}="$({_kubectl(argv)})"\ntell {name} "$(base64 -w0 <<<"${name}")"\n' for name, argv in asked.items()
    ]
    return _COMMON + API + "".join(lines) + _MEMBERS + "tell end\n"


def objects_script(names: dict[str, list[str]]) -> str:
    """Objects by namespace (empty: none), each as KIND/NAME."""
    lines = []
    for namespace, listed in sorted(names.items()):
        where = ["-n", namespace] if namespace else []
        argv = ["get", *where, "--ignore-not-found", "-o", "json", *listed]
        lines.append(f'found="$({_kubectl(argv)})"\ntell objects "$(base64 -w0 <<<"$found")"\n')
    return _COMMON + API + "".join(lines) + "tell end\n"
