"""hardway completion: what a shell needs to complete verbs and options."""

import os
from enum import StrEnum

import typer


class Shell(StrEnum):
    """Shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(context: typer.Context, shell: Shell) -> None:
    """Print the shell's script. For bash: source <(hardway completion bash)."""
    # A command that is started with this variable set prints its script and ends: click's way to ask for it.
    os.environ["_HARDWAY_COMPLETE"] = f"source_{shell}"
    context.find_root().command.main(args=[], prog_name="hardway")
