"""Bootstrap tokens (article chapter 24; `kubeadm token`).

Source: kubeadm v1.30.4 `app/cmd/token.go`, `app/apis/bootstraptoken/v1`. Secrets travel on standard input only.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hardway.chapters.kubectl import kubectl
from hardway.chapters.objects import BOOTSTRAPPERS
from hardway.chapters.user_tokens import TYPE, token_data, token_object
from hardway.model import Cluster
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import heredoc, quote

USAGES = ("authentication", "signing")
_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_ID = re.compile(r"[a-z0-9]{6}")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")


@dataclass(frozen=True)
class Token:
    """A bootstrap token as it is stored."""

    identifier: str
    secret: str
    expires: datetime | None = None
    usages: tuple[str, ...] = USAGES
    groups: tuple[str, ...] = (BOOTSTRAPPERS,)
    description: str = ""

    def __repr__(self) -> str:
        return f"Token({self.identifier})"

    @property
    def text(self) -> str:
        """ID.SECRET, as nodes are given it."""
        return f"{self.identifier}.{self.secret}"


def is_token(text: str) -> bool:
    """The text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def is_group(text: str) -> bool:
    """The API server takes the text for a group of bootstrap tokens."""
    return _GROUP.fullmatch(text) is not None


def identifier(text: str) -> str:
    """The id of a token or of an id; empty for anything else."""
    return text.partition(".")[0] if is_token(text) or _ID.fullmatch(text) else ""


def create(cluster: Cluster, token: Token) -> str:
    """bash that stores the token; it fails when its id is taken."""
    data = token_data(token.usages, token.groups, token.description) | {"token-secret": token.secret}
    if token.expires:
        data["expiration"] = token.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    secret = token_object(token.identifier, data)
    return heredoc(f"{kubectl(cluster)} create -f - >/dev/null", dump_go(secret))


def listing(cluster: Cluster) -> str:
    """bash that prints the Secrets of all tokens as JSON."""
    return f"{kubectl(cluster)} get secrets -n kube-system --field-selector type={TYPE} -o json\n"


def listed(answer: str) -> tuple[Token, ...]:
    """The tokens of such a listing, by their ids; what is no whole token is left out, as in kubeadm."""
    found = (_token(item) for item in json.loads(answer)["items"])
    return tuple(sorted((token for token in found if token), key=lambda token: token.identifier))


def _token(item: Mapping[str, Any]) -> Token | None:
    data = {key: base64.b64decode(value).decode() for key, value in (item.get("data") or {}).items()}
    if not is_token(f"{data.get('token-id')}.{data.get('token-secret')}"):
        return None
    expires = data.get("expiration")
    return Token(
        data["token-id"],
        data["token-secret"],
        datetime.fromisoformat(expires) if expires else None,
        tuple(usage for usage in USAGES if data.get(f"usage-bootstrap-{usage}") == "true"),
        tuple(filter(None, data.get("auth-extra-groups", "").split(","))),
        data.get("description", ""),
    )


def delete(cluster: Cluster, identifiers: tuple[str, ...]) -> str:
    """bash that deletes tokens by their ids; it fails for one that is not there."""
    names = " ".join(quote(f"bootstrap-token-{name}") for name in identifiers)
    return f"{kubectl(cluster)} delete secret -n kube-system {names} >/dev/null\n"


def remaining(expires: datetime | None, now: datetime) -> str:
    """Time that is left, as kubeadm and kubectl print it; `<forever>` without an end, `<invalid>` after it."""
    return "<forever>" if expires is None else short_duration(expires - now)


def short_duration(span: timedelta) -> str:
    """A span in its largest unit, cut off (ShortHumanDuration of apimachinery)."""
    seconds = int(span.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 60:
        return f"{max(seconds, 0)}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 24 * 3600:
        return f"{seconds // 3600}h"
    days = seconds // (24 * 3600)
    return f"{days}d" if days < 365 else f"{days // 365}y"


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
