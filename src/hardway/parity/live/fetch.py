"""bash that reads a node, and the API through a master. It changes nothing, and no key leaves the node: of a private
key it tells the PEM label and the hash of its public key, of a kubeconfig only lines that are known to be harmless, and
from the directory of manifests no file that holds a key, a token or a password. A question that fails is told as one.
"""

from hardway.model import Cluster, EtcdExternal, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps.shell import quote, words

_COMMON = r"""
tell() { printf 'audit %s\n' "$*"; }
# Label of the PEM text on standard input, and behind a bar the hash of its public key: nothing where openssl cannot read
# it, and no bar where there is no openssl. (bash puts here-strings into files.)
fingerprint() {
  local pem label='' public
  pem="$(cat)"
  # Nothing else of what has no label: it may be a key in another form.
  [[ $pem =~ -----BEGIN\ ([A-Z0-9 ]+)----- ]] && label="${BASH_REMATCH[1]}"
  printf %s "$label"
  command -v openssl >/dev/null || return 0
  public="$(printf '%s\n' "$pem" | openssl pkey -passin pass: -pubout -outform DER 2>/dev/null | base64 -w0)"
  printf '|'
  [ -z "$public" ] || printf %s "$public" | base64 -d | sha256sum | cut -d ' ' -f 1
}
# A file without the private keys in it: somebody may have put one beside a certificate.
public() { sed '/BEGIN .*PRIVATE KEY/,/END .*PRIVATE KEY/d' "$1"; }
# A kubeconfig line by line; what is not known to be harmless stays here. Of what kubeadm's have not, the name is told.
kubeconfig() {
  local line indent data inside=-1
  local known='apiVersion|clusters?|certificate-authority(-data)?|server|name|contexts?|users?|namespace'
  local silent='token|tokenFile|username|password|proxy-url|as|as-uid|as-groups|as-user-extra|exec|auth-provider'
  known="^[ -]*($known|current-context|kind|preferences|client-certificate(-data)?|client-key|tls-server-name"
  # No flow style: {} could hold anything.
  known+='|insecure-skip-tls-verify): *([^]{}[]*|[{]}|\[]|https://\[[0-9a-f:]+][:0-9]*)$'
  while IFS= read -r line || [ -n "$line" ]; do
    indent="${line%%[! -]*}"
    # What a silent name holds may have names of its own.
    [ "$inside" -lt 0 ] || [ "$indent" = "$line" ] || [ "${#indent}" -gt "$inside" ] || inside=-1
    [ "$inside" -lt 0 ] || continue
    if [[ $line =~ ^([ -]*)client-key-data:\ *([A-Za-z0-9+/=]+)$ ]]; then
      data="${BASH_REMATCH[2]}"
      line="${BASH_REMATCH[1]}client-key-data: \"$(printf %s "$data" | base64 -di 2>/dev/null | fingerprint)\""
    elif [[ $line =~ ^([ -]*($silent):)(\ +.*)?$ ]]; then
      line="${BASH_REMATCH[1]} \"(not sent)\""
      inside="${#indent}"
    elif ! [[ $line =~ $known ]]; then
      continue
    fi
    printf '%s\n' "$line"
  done <"$1"
}
# A file among the manifests, which may be of any kind: none that holds a secret, or that cannot be looked through.
manifest() {
  if grep -aqiE 'PRIVATE KEY|LS0tLS1CRUdJTi|client-key-data|(^|[^[:alnum:]])(token|password)["'"'"']?[[:space:]]*:' "$1"; then
    tell withheld "$1"
  elif grep -Iq . "$1"; then
    tell content "$(base64 -w0 <"$1")" "$1"
  fi
}
"""

_FILES = r"""
command -v openssl >/dev/null || tell lacks openssl
while IFS=$'\t' read -r mode owner kind path; do
  tell stat "$mode" "$owner" "$kind" "$path"
  [ "$kind" = f ] || continue
  case "$path" in
    # Those for an external etcd may have any name, and hold several things.
    "$etcd_ca"|"$etcd_certificate"|"$etcd_key"|*.pem)
       tell content "$(public "$path" | sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' | base64 -w0)" "$path"
       tell key "$(sed -n '/BEGIN .*PRIVATE KEY/,/END .*PRIVATE KEY/p' "$path" | fingerprint | tr ' ' _)" "$path" ;;
    *.key) tell key "$(fingerprint <"$path" | tr ' ' _)" "$path" ;;
    *.crt|*.pub) tell content "$(public "$path" | base64 -w0)" "$path" ;;
    # Wherever it lies.
    *.conf) tell content "$(kubeconfig "$path" | base64 -w0)" "$path" ;;
    */manifests/*) manifest "$path" ;;
    "$kubelet"/*config.yaml|*.env) tell content "$(base64 -w0 <"$path")" "$path" ;;
  esac
done < <(
  # Directories and files may be links to another disk; a link that leads nowhere stays one.
  find -L "$kubernetes" "$pki" -maxdepth 3 \( -path "$kubernetes/tmp" -o -path "$kubernetes/patches" \) -prune \
    -o \( -type d -o -name '*.crt' -o -name '*.key' -o -name '*.pub' -o -name '*.conf' -o -path '*/manifests/*' \) \
    -printf '%m\t%u:%g\t%y\t%p\n' 2>/dev/null
  for path in "$kubelet" "$kubelet"/{config.yaml,instance-config.yaml,kubeadm-flags.env} "$data"{,/member} \
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
# What a command prints, then a line with its exit code and the first line of its complaint; those of klog explain nothing.
try() {
  local complaint code
  { complaint="$("$@" 2>&1 1>&3 3>&-)"; code=$?; } 3>&1
  printf '\n%s %s' "$code" "$(printf '%s\n' "$complaint" | sed -E '/^[EIW][0-9]{4} |^Warning:|^$/d' | head -n 1 | cut -c 1-300)"
}
# The answer of `try` to a question, with the kubeconfig that was taken; a failure is told as one.
answer() {
  local found="${3%$'\n'*}" last
  last="${3:${#found}+1}"
  tell "$1" "$(printf '%s\n' "$found" | base64 -w0)"
  [ "${last%% *}" = 0 ] || tell failed "$1" "$2" "${last%% *}" "$(printf %s "${last#* }" | base64 -w0)"
}
# kubectl by whoever may ask: admin.conf can do nothing without its ClusterRoleBinding, which may be what is missing.
ask() {
  local question="$1" conf by='' found=$'\n1 there is no kubeconfig of an administrator'
  shift
  for conf in /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf; do
    [ -e "$conf" ] || continue
    by="$conf"
    found="$(try kubectl --kubeconfig="$conf" --request-timeout=20s "$@")"
    case "${found##*$'\n'}" in "0 "*) break ;; esac
  done
  answer "$question" "$by" "$found"
}
"""
"""bash functions: questions, each with its answer or with why there is none."""

_MEMBERS = r"""
pki="$(sed -n 's/^ *- --trusted-ca-file=//p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null)"
found=$'\n1 /etc/kubernetes/manifests/etcd.yaml names no --trusted-ca-file'
# Where it listens on this machine: that depends on the family of the master's address. "Anywhere" is no name in its certificate.
url="$(sed -n 's/^ *- --listen-client-urls=\([^, ]*\).*/\1/p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null)"
url="$(printf %s "${url:-https://127.0.0.1:2379}" | sed -e 's|//0\.0\.0\.0:|//127.0.0.1:|' -e 's|//\[::\]:|//[::1]:|')"
[ -z "$pki" ] || found="$(try curl -sSf -m 10 --cacert "$pki" --cert "${pki%/*}/healthcheck-client.crt" \
  --key "${pki%/*}/healthcheck-client.key" -d '{}' "$url/v3/cluster/member/list")"
answer members '' "$found"
"""

CONFIGURATION = ("cm/kubeadm-config", "cm/kubelet-config", "cm/kube-proxy")
_SECRETS = (
    '{range .items[*]}{.metadata.name}{"\\t"}{.type}{"\\t"}{.data.expiration}{"\\t"}'
    '{.metadata.ownerReferences[0].name}{"\\t"}{.data.usage-bootstrap-signing}{"\\n"}{end}'
)
QUESTIONS: dict[str, tuple[str, ...]] = {
    "config": ("get", "-n", "kube-system", "--ignore-not-found", *CONFIGURATION),
    "nodes": ("get", "nodes"),
    "pods": ("get", "pods", "-n", "kube-system", "-l", "tier=control-plane"),
    "csrs": ("get", "csr"),
    "secrets": ("get", "secrets", "-n", "kube-system"),
}
"""What kubectl is asked of the cluster, by the word of the answer."""
MEMBERS = "members"
"""The question to etcd."""


def cluster_script() -> str:
    """What the cluster says of itself: its configuration, nodes, pods of the control plane, and ends of tokens."""
    forms = {"secrets": f"jsonpath={_SECRETS}"}
    lines = [f"{_asked(name, *argv, '-o', forms.get(name, 'json'))}\n" for name, argv in QUESTIONS.items()]
    return _COMMON + API + "".join(lines) + _MEMBERS + "tell end\n"


def _asked(name: str, *argv: str) -> str:
    return f"ask {words([name, *argv])}"


def about(namespace: str) -> str:
    """The word of the question for a namespace's objects (empty: those that have none)."""
    return f"objects:{namespace}"


def objects_question(namespace: str, listed: list[str]) -> tuple[str, ...]:
    """What kubectl is asked for objects of a namespace, each as KIND/NAME."""
    return ("get", *(("-n", namespace) if namespace else ()), "--ignore-not-found", *listed)


def objects_script(names: dict[str, list[str]]) -> str:
    """Objects by namespace (empty: none), each as KIND/NAME."""
    lines = [
        f"{_asked(about(namespace), *objects_question(namespace, listed), '-o', 'json')}\n"
        for namespace, listed in sorted(names.items())
    ]
    return _COMMON + API + "".join(lines) + "tell end\n"
