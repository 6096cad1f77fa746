"""What a kubeconfig's current context leads to, as text for a node: people add clusters and users to these files.

Source: kubeadm v1.30.4 `validateKubeConfig` in `app/phases/kubeconfig/kubeconfig.go`, and
`app/phases/certs/renewal/readwriter.go`: neither looks at any other cluster or user of the file. awk reads it, because
it is asked on every run, and before there is a kubectl; what it cannot read (JSON, lists in braces) has no answer.
"""

from shlex import quote

_READ = r"""
function value(line) {
  if (!sub(/^[^:]*:[ \t]+/, "", line)) return ""
  sub(line ~ /^["\047]/ ? "[ \t]+#[^\"\047]*$" : "[ \t]+#.*", "", line)
  return line ~ /^".*"$|^\047.*\047$/ ? substr(line, 2, length(line) - 2) : line
}
{ sub(/[ \t\r]+$/, "") }
/^ *(#|$)/ { next }
/^[^ -]/ { list = $1; dash = 0; if (list == "current-context:") current = value($0); next }
{ at = match($0, /[^ -]/); line = substr($0, at); key = line; sub(/[ \t].*/, "", key) }
/^ *- / && (!dash || index($0, "-") == dash) { dash = index($0, "-"); base = at; item++ }
at == base { inside = key ~ /^(cluster|context|user):$/; below = 0; if (key == "name:") named[list, value(line)] = item; next }
inside { if (!below) below = at; if (at == below) { text[item, key] = value(line); row[item, key] = NR } }
END {
  context = named["contexts:", current]
  cluster = named["clusters:", text[context, "cluster:"]]
  user = named["users:", text[context, "user:"]]
  if (context && cluster && user) for (place in row) {
    split(place, part, SUBSEP); key = part[2]; said = text[place]
    if (part[1] != cluster && part[1] != user) continue
    if (key ~ /-data:$/ && said !~ /^[A-Za-z0-9+\/=]+$/) continue
    if (key == "client-key-data:") said = ""
    if (key ~ /^(server|certificate-authority(-data)?|client-(certificate|key)(-data)?):$/) print row[place], key, said
  }
}"""

_COUNT = r"""
/^[^ -]/ { list = $1 }
/^ *- / && list == "users:" { at = index($0, "-"); if (!first) first = at; users += at == first }
END { print users + 0 }"""


def current_context(path: str) -> str:
    """Command that prints `LINE KEY: VALUE` of its cluster and user; of a private key no value."""
    return f"awk '{_READ}' {quote(path)}"


def embedded_certificate(path: str) -> str:
    """Command that prints the PEM text of its user's certificate."""
    return f"{current_context(path)} | sed -n 's/^[0-9]* client-certificate-data: //p' | base64 -d"


def users(path: str) -> str:
    """Command that prints how many users a kubeconfig has."""
    return f"awk '{_COUNT}' {quote(path)}"
