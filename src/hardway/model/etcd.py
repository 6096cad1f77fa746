"""The two kinds of etcd: on the masters, or somewhere else."""

from dataclasses import dataclass

from hardway.model.args import Args


@dataclass(frozen=True)
class EtcdLocal:
    """etcd.local of ClusterConfiguration."""

    data_dir: str = "/var/lib/etcd"
    extra_args: Args = ()
    server_cert_sans: tuple[str, ...] = ()
    peer_cert_sans: tuple[str, ...] = ()
    image: str = ""
    """Full image reference."""
    extra_envs: tuple[tuple[str, str], ...] = ()
    """Variables of the container."""
    final_flags: bool = False
    """It knows flags by their final names, which once were experimental (etcd 3.6)."""


@dataclass(frozen=True)
class EtcdExternal:
    """etcd.external of ClusterConfiguration: an etcd that somebody else runs, on whatever machines."""

    endpoints: tuple[str, ...]
    """Client URLs, as they are given to API servers."""
    ca_file: str = ""
    """Path on the masters; empty: the system's CAs."""
    cert_file: str = ""
    """Client certificate of the API servers; it and its key are given together or not at all."""
    key_file: str = ""
    http_endpoints: tuple[str, ...] = ()
    """Where it is asked for its version: the endpoints, where the configuration names no others."""

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of those of the three files that are given, in kubeadm's order."""
        return tuple(path for path in (self.ca_file, self.cert_file, self.key_file) if path)
