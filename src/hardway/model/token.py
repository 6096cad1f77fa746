"""Bootstrap tokens that the user asks for."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BootstrapToken:
    """An entry of InitConfiguration.bootstrapTokens with kubeadm's defaults filled in."""

    value: str = field(default="", repr=False)
    """ID.SECRET, for the engine alone: steps name `run_input` instead. Empty: a random one is minted."""
    place: int = 0
    """In the list, from 0."""
    description: str = ""
    ttl: int = 24 * 3600
    """Life in seconds from when it is made; 0: it never ends."""
    usages: tuple[str, ...] = ("signing", "authentication")
    groups: tuple[str, ...] = ("system:bootstrappers:kubeadm:default-node-token",)

    @property
    def identifier(self) -> str:
        """The half that is no secret; empty where it is minted."""
        return self.value.partition(".")[0]

    @property
    def run_input(self) -> str:
        """Name of the run input that holds it."""
        return f"bootstrap-token/{self.identifier or f'entry-{self.place}'}"
