"""The lab's name server: CoreDNS with the article's A records."""

from pathlib import Path

from hardway.lab.spec import LabSpec


def corefile(spec: LabSpec, zone_file: Path) -> str:
    """CoreDNS' configuration: the zone, and a quick no for everything else."""
    return (
        f"{spec.zone}:53 {{\n    bind {spec.gateway}\n    file {zone_file}\n}}\n"
        f".:53 {{\n    bind {spec.gateway}\n    template ANY ANY {{\n        rcode NXDOMAIN\n    }}\n}}\n"
    )


def zone(spec: LabSpec) -> str:
    """The zone file."""
    lines = [
        f"$ORIGIN {spec.zone}.",
        "@ 60 IN SOA ns hostmaster 1 60 60 60 60",
        "@ 60 IN NS ns",
        f"ns 60 IN A {spec.gateway}",
    ]
    for record in spec.records:
        kind = "AAAA" if ":" in record.address else "A"
        lines.append(f"{record.name}. {record.ttl} IN {kind} {record.address}")
    return "\n".join(lines) + "\n"


def write(spec: LabSpec, folder: Path) -> Path:
    """Write both files and return the Corefile."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "zone").write_text(zone(spec))
    (folder / "Corefile").write_text(corefile(spec, folder / "zone"))
    return folder / "Corefile"
