"""What each verb says with `--json`: one shape per verb, from which its published schema is made.

Verbs print nothing but what `Output.text` made of their data, so mypy proves what the schema says. Fields may be
added in later versions; none goes away and none changes its meaning as long as the version's first number stays.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from hardway.engine.events import Event
from hardway.engine.plan import PlanData
from hardway.steps import Severity

T = TypeVar("T")
CONFIG = ConfigDict(use_attribute_docstrings=True)
"""The text below a field is its description. Other fields are not forbidden: a later version may have more."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Output(Generic[T]):
    """The data of a verb."""

    verb: str
    """As it is typed: `csr list`. Several verbs with the same data are joined by commas."""
    shape: type[T]

    @property
    def names(self) -> tuple[str, ...]:
        """The verbs."""
        return tuple(self.verb.split(", "))

    @property
    def file(self) -> str:
        """Name of the published schema, after the first verb."""
        return f"{self.names[0].replace(' --', '-').replace(' ', '-')}.json"

    def text(self, value: T) -> str:
        """The data as it is printed."""
        return json.dumps(value, indent=2)

    def line(self, value: T) -> str:
        """The data in one line, for verbs that go on. Frozen data is printed by its fields."""
        return json.dumps(value, default=asdict)

    def schema(self) -> dict[str, Any]:
        """JSON Schema, draft 2020-12."""
        # As an element of a list: pydantic takes a configuration for what holds a TypedDict, not for a bare one.
        listed: type[Any] = list[self.shape]  # type: ignore[name-defined]
        made = TypeAdapter(listed, config=CONFIG).json_schema(mode="serialization")
        return {
            "$schema": DIALECT,
            "title": f"hardway {self.verb} --json",
            **made["items"],
            "$defs": made["$defs"],
        }


class Stage(TypedDict):
    """A chapter that was carried out on a node."""

    node: str
    chapter: str
    changed: int
    """Steps that changed something."""
    finishedAt: float
    """Seconds since the run began."""
    seconds: float


class Done(TypedDict):
    """What a run changed."""

    changed: int
    """Steps that changed something; 0: all was as it should be."""
    stages: list[Stage]


class CheckAnswer(TypedDict):
    """What one check said on one node."""

    node: str
    chapter: str
    check: str
    key: str
    """kubeadm's name of a preflight check, as ignorePreflightErrors takes it; empty for other checks."""
    severity: Severity
    yes: bool
    reason: str
    """What the check found; empty when it says yes."""
    hint: str


class Chapter(TypedDict):
    """An entry of the table of contents."""

    name: str
    title: str
    article: list[int]
    """Chapters of the article."""
    initPhase: str
    """Path of kubeadm's phase on the first master; empty when there is none."""
    joinPhase: str
    """Path of kubeadm's phase on the others; empty when there is none."""
    optional: bool


class DnsRecord(TypedDict):
    """An address record."""

    name: str
    address: str
    ttl: int


class Machine(TypedDict):
    """A machine of the inventory."""

    node: str
    address: str


Port = TypedDict(
    "Port",
    {
        "node": str,
        "address": str,
        "port": int,
        "lastPort": int,
        "protocol": Literal["tcp", "vrrp"],
        "component": str,
        "purpose": str,
        "localhost": bool,
        "from": list[Machine],
        "fromOutside": str,
    },
)
Port.__doc__ = """A port, or a range of them, that something on a node listens on, and who must reach it.

`localhost`: nobody else can. `from`: machines of the inventory. `fromOutside`: who else, in words; empty: nobody.
"""


class CertificateEnd(TypedDict):
    """When a certificate of a master ends."""

    node: str
    name: str
    authority: str | None
    """The CA that signs it; null: it is a CA."""
    expires: str | None
    """RFC 3339, UTC; null: it is missing."""
    residualSeconds: int | None
    externallyManaged: bool
    """The CA's key is not on the node."""


class ServingRequest(TypedDict):
    """A kubelet's request for a serving certificate."""

    name: str
    user: str
    state: str
    objection: str | None
    """Why it is not approved; null: it agrees with the inventory."""


class Decision(TypedDict):
    """What was decided of a request; one JSON document per line."""

    name: str
    user: str
    approved: bool
    objection: str | None


class BootstrapToken(TypedDict):
    """A bootstrap token; it is a secret."""

    token: str
    expires: str | None
    """RFC 3339, UTC; null: never."""
    usages: list[str]
    groups: list[str]
    description: str


class JoinCommand(TypedDict):
    """What to type on another machine; it holds secrets."""

    command: str
    expires: str | None
    """RFC 3339, UTC; null: never."""


class Key(TypedDict):
    """A host key that a machine showed."""

    node: str
    jumpHost: bool
    host: str
    """As known_hosts has it."""
    type: str
    fingerprint: str
    state: str
    file: str
    """known_hosts file to which it belongs."""


class Trust(TypedDict):
    """Host keys, and how many were added."""

    added: int
    keys: list[Key]


class Pinned(TypedDict):
    """A release of Kubernetes and what belongs to it."""

    kubernetes: str
    etcd: str
    coredns: str
    pause: str
    containerd: str
    runc: str
    crictl: str
    cniPlugins: str
    configApis: list[str]


class Versions(TypedDict):
    """What can be built."""

    hardway: str
    releases: list[Pinned]


class Skew(TypedDict):
    """How many minors a component may be away from any API server of the cluster."""

    component: str
    older: int
    newer: int


class Bundle(TypedDict):
    """A bundle that was made."""

    path: str
    digest: str
    files: int
    bytes: int


class Delivery(TypedDict):
    """What a node got from a bundle."""

    node: str
    files: int
    sent: int
    """Files that it did not have."""
    bytes: int


class LabNode(TypedDict):
    """A node of the lab."""

    node: str
    address: str
    state: str


class FieldDifference(TypedDict):
    """A field that differs."""

    field: str
    hardway: str
    kubeadm: str
    declared: str | None
    """Why it is kept; null: nobody wanted it."""


class ParityItem(TypedDict):
    """A file or an object of the API."""

    chapter: str
    node: str
    item: str
    fields: int
    differences: list[FieldDifference]


class Parity(TypedDict):
    """Everything beside what kubeadm makes of the same documents."""

    kubernetes: str
    items: list[ParityItem]
    undeclared: int


class AuditFinding(TypedDict):
    """One thing that is not as it should be."""

    severity: Literal["error", "warning", "note"]
    """error: does not work, will stop to, or is insecure; warning: not as kubeadm would make it; note: to be known."""
    node: str
    """Full name, or `cluster` for an object of the API."""
    chapter: str
    item: str
    """Path of a file, or kind, namespace and name of an object."""
    field: str
    expected: str
    found: str
    cure: str
    """A command; `hardway ...` where hardway runs, else as root on the node (on a master for `cluster`). May be empty."""


class Audit(TypedDict):
    """A live cluster beside what its own kubeadm-config says it should be."""

    kubernetes: str
    nodes: list[str]
    """Those that were read."""
    items: int
    """Files and objects that were looked at."""
    errors: int
    warnings: int
    notes: int
    findings: list[AuditFinding]


PLAN = Output("plan, certs renew --dry-run", PlanData)
DONE = Output("apply, node add, node remove, reset, certs renew", Done)
EVENT = Output("apply --events", cast("type[Event]", Event))
CHECK = Output("check", list[CheckAnswer])
CHAPTERS = Output("chapters", list[Chapter])
RECORDS = Output("render dns, render hosts", list[DnsRecord])
PORTS = Output("render ports", list[Port])
EXPIRATION = Output("certs check-expiration", list[CertificateEnd])
REQUESTS = Output("csr list", list[ServingRequest])
DECISION = Output("csr approve", Decision)
TOKENS = Output("token list", list[BootstrapToken])
TOKEN = Output("token create", BootstrapToken)
JOIN_COMMAND = Output("join-command", JoinCommand)
TRUST = Output("trust", Trust)
VERSIONS = Output("versions", Versions)
SKEW = Output("versions --skew", list[Skew])
BUNDLE = Output("bundle create", Bundle)
DELIVERIES = Output("bundle use", list[Delivery])
LAB = Output("lab status", list[LabNode])
PARITY = Output("parity", Parity)
AUDIT = Output("parity --cluster", Audit)

OUTPUTS: tuple[Output[Any], ...] = (
    *(PLAN, DONE, EVENT, CHECK, CHAPTERS, RECORDS, PORTS, EXPIRATION, REQUESTS, DECISION),
    *(TOKENS, TOKEN, JOIN_COMMAND, TRUST, VERSIONS, SKEW, BUNDLE, DELIVERIES, LAB, PARITY, AUDIT),
)


def of(verb: str) -> Output[Any] | None:
    """The data of a verb; None when it has none."""
    return next((output for output in OUTPUTS if verb in output.names), None)
