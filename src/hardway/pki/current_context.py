"""What a kubeconfig's current context leads to, as text for a node: people add clusters and users to these files.

Source: kubeadm v1.30.4 `validateKubeConfig` in `app/phases/kubeconfig/kubeconfig.go`, and
`app/phases/certs/renewal/readwriter.go`: neither looks at any other cluster or user of the file. It is asked on every
run, so a file with one of each is read as it stands; of others kubectl tells what counts.
"""

from shlex import quote

_OTHERS = "'{'* | *clusters:*server:*server:* | *users:*name:*name:*"
"""JSON, and what may have a second cluster or user."""


def read(path: str) -> str:
    """bash that sets $conf to the text of that part; to nothing where the current context leads nowhere."""
    return (
        f'conf="$(cat {quote(path)} 2>/dev/null || true)"\n'
        f'case "$conf" in {_OTHERS})\n'
        f'  conf="$(kubectl config view --kubeconfig={quote(path)} --minify --raw 2>/dev/null || true)" ;;\nesac\n'
    )


def embedded_certificate(path: str) -> str:
    """Command that prints the PEM text of its user's certificate."""
    return f"{{\n{read(path)}sed -n 's/^ *client-certificate-data: *//p' <<<\"$conf\" | base64 -d\n}}"


def read_certificate(path: str) -> str:
    """bash that sets $pem to that, or to nothing."""
    return f'pem="$({embedded_certificate(path)} 2>/dev/null || true)"\n'


def named(path: str, kind: str) -> str:
    """Command that prints the name of its `user` or `cluster`; nothing where the current context leads to none."""
    name = quote(f"jsonpath={{.{kind}s[0].name}}")
    return f"kubectl config view --kubeconfig={quote(path)} --minify -o {name} 2>/dev/null"


def users(path: str) -> str:
    """Command that prints the names of its users."""
    return f"kubectl config view --kubeconfig={quote(path)} -o 'jsonpath={{.users[*].name}}' 2>/dev/null"
