"""The tokens of InitConfiguration.bootstrapTokens, and the Secret that every bootstrap token is.

Source: kubeadm v1.30.4 `app/phases/bootstraptoken/node/token.go`, `app/apis/bootstraptoken/v1/utils.go`.

They are made once, while the cluster is initialised, as `kubeadm init` makes them: InitConfiguration says how a cluster
begins, not how it stays. What says that this is over is ConfigMap cluster-info, which the same phase makes after
them and nothing takes away. So a token that has ended and was cleaned away, that somebody deleted because it leaked, or
changed, stays as it is: `apply` would else give a leaked token back, and a life of two hours would last for ever where
somebody applies every day. `hardway token create` makes others.
"""

from collections.abc import Iterable, Mapping

from hardway.chapters.kubectl import kubectl
from hardway.model import BootstrapToken, Cluster
from hardway.pki.kubeconfigs import SUPER_ADMIN
from hardway.steps import Check, Command
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import input_file, literal, quote

TYPE = "bootstrap.kubernetes.io/token"
_VARIABLES = {
    "name: bootstrap-token-x": "name: bootstrap-token-$id",
    # Unquoted a token of digits would be a number, and the time a time.
    "expiration: x": 'expiration: "$expiration"',
    "token-id: x": 'token-id: "$id"',
    "token-secret: x": 'token-secret: "$secret"',
}


def token_object(identifier: str, data: Mapping[str, str]) -> dict[str, object]:
    """A token's Secret; `data` is what `token_data` says, the secret itself and perhaps its end."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TYPE,
        "metadata": {"name": f"bootstrap-token-{identifier}", "namespace": "kube-system"},
        "stringData": {"token-id": identifier, **data},
    }


def token_data(usages: Iterable[str], groups: Iterable[str], description: str) -> dict[str, str]:
    """What a token is for, in the keys of its Secret; what is empty has none."""
    named = {"auth-extra-groups": ",".join(groups), "description": description}
    return {f"usage-bootstrap-{usage}": "true" for usage in usages} | {k: v for k, v in named.items() if v}


def token_secret(data: Mapping[str, str], *, ends: bool = True) -> str:
    """A token's Secret for a here-document without quotes; bash knows $id, $secret, and $expiration where it `ends`."""
    own = {"token-secret": "x", **({"expiration": "x"} if ends else {})}
    text = literal(dump_go(token_object("x", {**data, **own})))
    for line, filled in _VARIABLES.items():
        # Lines of a description stand deeper.
        text = text.replace(f"\n  {line}\n", f"\n  {filled}\n")
    return text


def read_token(file: str) -> str:
    """bash that sets $id and $secret from a run input, whose last line may have no end."""
    return f'IFS=. read -r id secret <{file} || [ -n "$secret" ]'


def expiration(seconds: int) -> str:
    """bash that sets $expiration to so many seconds from now."""
    return f"expiration=\"$(date -u -d '+{seconds} seconds' +%Y-%m-%dT%H:%M:%SZ)\""


def is_initialised(cluster: Cluster) -> str:
    """bash that sets $initialised to the name of cluster-info, or to nothing; it fails where the API does not answer."""
    get = "-n kube-public get configmap cluster-info --ignore-not-found -o name 2>/dev/null"
    # Before kubeadm's phase has bound it, admin.conf may not ask.
    return f'initialised="$({kubectl(cluster)} {get} || {kubectl(cluster, SUPER_ADMIN)} {get})"'


def user_tokens(cluster: Cluster) -> Command:
    """Create the tokens that are not there, unless the cluster was initialised before."""
    return Command(
        "bootstrap-token/user-tokens",
        "create the tokens of InitConfiguration",
        f"(\n{''.join(_create(cluster, token) for token in cluster.bootstrap_tokens)})\n",
        Check("the tokens of InitConfiguration to be there, or the cluster to be initialised", _is_there(cluster)),
        inputs=tuple(token.run_input for token in cluster.bootstrap_tokens),
        why="as in kubeadm they are made once: one that has ended does not come again",
    )


def _create(cluster: Cluster, token: BootstrapToken) -> str:
    data = token_data(token.usages, token.groups, token.description)
    ends = token.ttl > 0
    return (
        f"{read_token(input_file(token.run_input))}\n"
        + (f"{expiration(token.ttl)}\n" if ends else "")
        # One that is there, after an interrupted run, keeps its end.
        + f"{kubectl(cluster)} create -f - <<EOF ||\n{token_secret(data, ends=ends)}EOF\n"
        + f'  {kubectl(cluster)} -n kube-system get secret "bootstrap-token-$id" >/dev/null\n'
    )


def _is_there(cluster: Cluster) -> str:
    asked = [f"{is_initialised(cluster)} || {{ echo 'the API does not answer admin.conf'; exit 1; }}\n"]
    asked.append('[ -z "$initialised" ] || exit 0\n')
    for token in cluster.bootstrap_tokens:
        if token.identifier:
            asked.append(f"id={token.identifier}\n")
        else:
            file = quote(input_file(token.run_input))
            asked.append(f"[ -s {file} ] || {{ echo 'there is no random token yet'; exit 1; }}\n{read_token(file)}\n")
        asked.append(
            f'{kubectl(cluster)} -n kube-system get secret "bootstrap-token-$id" >/dev/null 2>&1 ||\n'
            '  { echo "token $id is missing"; exit 1; }\n'
        )
    return "".join(asked)
