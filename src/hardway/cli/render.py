"""hardway render: the same steps as text."""

from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, File, read
from hardway.errors import UsageError
from hardway.model.dns import records
from hardway.renderers import bash as bash_renderer
from hardway.workflows.apply import APPLY

app = typer.Typer(no_args_is_help=True, help="Print the steps as bash, and the records for DNS.")


@app.command()
def bash(
    file: File = DEFAULT_FILE,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory that is made for the scripts")] = Path(
        "hardway-bash"
    ),
) -> None:
    """Numbered scripts per node and chapter, with variables.env, to be read, typed or run."""
    cluster = read(file, None)
    if output.exists() and any(output.iterdir()):
        raise UsageError("the directory is not empty", str(output), hint="name another one with --output")
    for script in bash_renderer.render(cluster, APPLY):
        target = output / script.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script.text)
        target.chmod(script.mode)
    ui.say(f"written to {output}: begin with {output}/order.txt")


@app.command()
def dns(file: File = DEFAULT_FILE) -> None:
    """The A records of the cluster as lines of a zone file."""
    for record in records(read(file, None)):
        ui.data(f"{record.name}. {record.ttl} IN {'AAAA' if ':' in record.address else 'A'} {record.address}")
