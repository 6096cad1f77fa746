"""What a machine says of itself that means something only beside what the others say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Interface:
    """One address of a machine, with the network interface that has it."""

    name: str
    address: str
    """Address and prefix length, as in `10.0.0.1/24`."""
    mac: str = ""


@dataclass(frozen=True)
class Machine:
    """One machine as it was found when the session began. Empty fields: it does not tell."""

    node: str
    hostname: str = ""
    machine_id: str = ""
    """/etc/machine-id."""
    product_uuid: str = ""
    """Of the DMI table: what the hypervisor or the board's maker gave it."""
    container: str = ""
    """systemd's word for the container manager, e.g. systemd-nspawn; DMI and clock are the host's then."""
    interfaces: tuple[Interface, ...] = ()
    clock: tuple[float, float] | None = None
    """The earliest and the latest that its clock can be, in seconds before or after one clock that is the same for all."""
    server: str = ""
    """API server of its kubelet's kubeconfig: the cluster that it belongs to."""
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Of components that run on it, e.g. kubelet: v1.30.4."""

    def at(self, address: str) -> Interface | None:
        """The interface with this address."""
        return next((it for it in self.interfaces if it.address.partition("/")[0] == address), None)
