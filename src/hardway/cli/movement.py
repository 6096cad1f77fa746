"""What the verbs have in common that change who belongs to the cluster: show, ask, carry out, report."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.apply import stage_data
from hardway.engine.apply import apply
from hardway.engine.events import StageDone
from hardway.engine.membership import Movement
from hardway.engine.plan import Plan, permit
from hardway.engine.run import Session
from hardway.errors import UsageError
from hardway.workflows.stage import Stage

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]


@dataclass(frozen=True)
class Result:
    """What was done."""

    changed: int = 0
    stages: tuple[StageDone, ...] = ()

    @staticmethod
    def of(parts: Iterable["Result"]) -> "Result":
        """All of them as one."""
        listed = list(parts)
        return Result(sum(part.changed for part in listed), tuple(s for part in listed for s in part.stages))


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; elsewhere --yes has to say it. A no ends with exit code 1."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here", hint="look at what is shown above, and say --yes")
    typer.confirm(question, abort=True, err=True)


async def carry_out(found: Movement, question: str, yes: bool) -> Result:
    """Show the numbers and the plan, ask, and carry it out."""
    for name, verdict in found.verdicts:
        ui.say(f"etcd, {name}: {verdict.text}")
    if not found.plan.pending:
        return Result()
    permit(found.plan)
    ui.outline(found.plan)
    confirm(question, yes)
    return await perform(found.session, found.plan, found.stages)


async def perform(session: Session, plan: Plan, stages: Sequence[Stage]) -> Result:
    """Carry out a plan under everybody's eyes."""
    with ui.Progress(list(dict.fromkeys(change.item.node for change in plan.pending))) as progress:
        progress.expect(plan)
        session.listener = progress
        changed = await apply(session, plan, stages, progress)
    return Result(changed, tuple(progress.finished))


def report(result: Result, json: bool) -> None:
    """The result as data, or in a line."""
    if json:
        ui.data(
            outputs.DONE.text({"changed": result.changed, "stages": [stage_data(stage) for stage in result.stages]})
        )
    else:
        ui.say(f"done: {result.changed} changes" if result.changed else "nothing to change")
