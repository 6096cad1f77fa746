"""Run inputs: values that exist only at run time. Steps name them, the engine mints or reads them.

On a node each is a 0600 file (`steps.shell.input_file`). What a primitive needs is said by `Run.inputs`.
A minted value that already lies on the first control-plane node is used again, so an interrupted run
continues with the token that it has announced. What the user's documents say is known from the start (`given`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hardway.model import Cluster
from hardway.steps.shell import input_file, quote


@dataclass(frozen=True)
class RunInput:
    """One kind of run input."""

    name: str
    """`{node}` stands for a joining node's name, `{entry}` for a token of InitConfiguration."""
    secret: bool
    mint: str = ""
    """`token` (kubeadm's bootstrap token) or `certificate-key` (32 random bytes as hex); empty: it is read."""
    read: str = ""
    """For inputs that a stage `makes`: bash that prints the value in one line. `{pki}` stands for certificatesDir."""
    optional: bool = False
    """Whoever reads it can do without: a person who types the guide need not carry it from node to node."""


RUN_INPUTS: tuple[RunInput, ...] = (
    RunInput("token/{node}", secret=True, mint="token"),
    # InitConfiguration.bootstrapTokens; as in kubeadm one without `token` is a random one.
    RunInput("bootstrap-token/{entry}", secret=True, mint="token"),
    RunInput("certificate-key", secret=True, mint="certificate-key"),
    RunInput(
        "ca-pin",
        secret=False,
        # kubeadm's pin: SHA-256 over the DER SubjectPublicKeyInfo of the CA.
        read=(
            "openssl x509 -noout -pubkey -in {pki}/ca.crt"
            " | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'\n"
        ),
    ),
    # Over SSH the CA can come from the first master itself; without it a node learns it from cluster-info.
    RunInput("ca", secret=False, read="base64 -w0 {pki}/ca.crt\n", optional=True),
)


def find(name: str) -> RunInput:
    """The kind of a concrete input such as `token/master-2.example.com`; KeyError when there is none."""
    for kind in RUN_INPUTS:
        prefix, placeholder, _ = kind.name.partition("{")
        if kind.name == name or (placeholder and name.startswith(prefix)):
            return kind
    raise KeyError(name)


def question(cluster: Cluster, name: str) -> str:
    """bash for the first control-plane node that prints the value of a concrete input; a minted one lies in its file."""
    return find(name).read.replace("{pki}", quote(cluster.paths.pki)) or f"cat {quote(input_file(name))}\n"


def questions(cluster: Cluster, concrete: Iterable[str]) -> Mapping[str, str]:
    """Concrete inputs, each to its `question`."""
    return {name: question(cluster, name) for name in concrete}


def names(kind: RunInput, cluster: Cluster) -> tuple[str, ...]:
    """The concrete inputs of that kind in the cluster."""
    if "{node}" in kind.name:
        joining = (node for node in cluster.kubernetes_nodes if node != cluster.first_control_plane)
        return tuple(kind.name.format(node=node.name) for node in joining)
    if "{entry}" in kind.name:
        return tuple(token.run_input for token in cluster.bootstrap_tokens)
    return (kind.name,)


def given(cluster: Cluster) -> Mapping[str, str]:
    """Values that the user's documents hold; nobody mints or reads them."""
    return {token.run_input: token.value for token in cluster.bootstrap_tokens if token.value}
