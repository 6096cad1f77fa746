"""InitConfiguration.bootstrapTokens: what kubeadm says no to, and what the model is told.

Source: kubeadm v1.30.4 `app/apis/bootstraptoken/v1/{defaults,utils}.go`, and of
`app/apis/kubeadm/validation/validation.go` ValidateBootstrapTokens.
"""

from collections.abc import Iterator

from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.problems import Problem
from hardway.gotypes.durations import nanoseconds, seconds
from hardway.gotypes.structs import Path, did_you_mean
from hardway.model import BootstrapToken
from hardway.operations.tokens import USAGES, is_group, is_token

FORM = "the form is [a-z0-9]{6}.[a-z0-9]{16}; without `token` it is a random one"


def problems(about: SourceDocument, listed: list[api.BootstrapToken]) -> Iterator[Problem]:
    """What is wrong with the tokens; no message holds one."""
    ids: set[str] = set()
    for number, token in enumerate(listed):
        here: Path = ("bootstrapTokens", number)
        given = (about.value["bootstrapTokens"] or ())[number] or {}
        if given.get("token") == "" or (token.token and not is_token(token.token)):
            yield about.problem((*here, "token"), "not a bootstrap token", FORM)
        elif token.token:
            identifier = token.token.partition(".")[0]
            if identifier in ids:
                yield about.problem(
                    (*here, "token"),
                    f"a second token with the id {identifier}",
                    "the last one would replace the others",
                )
            ids.add(identifier)
        if nanoseconds(token.ttl) is None:
            yield about.problem(
                (*here, "ttl"), f"`{token.ttl}` is not a duration", "for example 2h0m0s; 0s never ends"
            )
        if given.get("expires") is not None:
            yield about.problem(
                (*here, "expires"),
                "kubeadm takes no `expires` in InitConfiguration",
                "write `ttl`: kubeadm gives a ttl to each token that has none, and then refuses both",
            )
        yield from _groups(about, here, token)


def _groups(about: SourceDocument, here: Path, token: api.BootstrapToken) -> Iterator[Problem]:
    for number, usage in enumerate(token.usages):
        if usage not in USAGES:
            hint = did_you_mean(usage, USAGES) or f"the usages are {', '.join(USAGES)}"
            yield about.problem((*here, "usages", number), f"a token has no usage `{usage}`", hint)
    if token.usages and set(token.usages) <= {"signing"}:
        yield about.problem(
            (*here, "usages"),
            "a token without `authentication` can have no groups, and kubeadm gives each one a group",
            "add authentication; `hardway token create --usages signing` makes one that only signs",
        )
    for number, group in enumerate(token.groups):
        if not is_group(group):
            yield about.problem(
                (*here, "groups", number),
                f"`{group}` cannot be a group of a token",
                "groups begin with system:bootstrappers: and have a-z, 0-9, - and : after it",
            )


def tokens(init: api.InitConfiguration) -> tuple[BootstrapToken, ...]:
    """The tokens with kubeadm's defaults.

    One entry that says nothing is what kubeadm puts where there is none: a random token for nodes that join. Here each
    node has its own instead.
    """
    listed = tuple(_token(number, token) for number, token in enumerate(init.bootstrap_tokens))
    return () if listed == (BootstrapToken(),) else listed


def _token(number: int, token: api.BootstrapToken) -> BootstrapToken:
    default = BootstrapToken()
    return BootstrapToken(
        token.token,
        number,
        token.description,
        # Less than nothing is no end, too; a part of a second is a whole one.
        max(-int(-(seconds(token.ttl) or 0) // 1), 0),
        tuple(dict.fromkeys(token.usages)) or default.usages,
        tuple(token.groups) or default.groups,
    )
