"""How things look. Data goes to stdout, talk to stderr; nothing depends on colour."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hardway.cli import board
from hardway.engine.events import Event, Interrupted, LockWaiting, NodeLost, StageDone
from hardway.engine.plan import Change, Plan, Status, title
from hardway.engine.verify import Answer
from hardway.errors import HardwayError
from hardway.steps import Severity

# Lines are never broken: what is read by programs or copied by people stays whole.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line of talk."""
    err.print(text, markup=False)


def data(text: str) -> None:
    """Data for people or programs."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    # Who reads a pipe line by line does not wait for the end.
    sys.stdout.flush()


def failure(error: HardwayError) -> None:
    """An error in its own words: the label in red, the hint in cyan."""
    head, *rest = error.render().splitlines()
    label, _, text = head.partition(" ")
    err.print(f"[bold red]{label}[/]", end=" ")
    err.print(text, markup=False)
    for line in rest:
        style = "cyan" if line.startswith("hint:") else None
        err.print(line, markup=False, style=style)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table on stdout."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        grid.add_column(header, no_wrap=True)
    for row in rows:
        # As it is: brackets in a cell are the cell's own.
        grid.add_row(*map(Text, row))
    out.print(grid, crop=False)


OUTLINE = 8
"""Steps that are told one by one, of a node or of a whole plan."""

_SIGN = {Status.SAME: " ", Status.CHANGE: "~", Status.KNOWN_AFTER: "?"}


def plan(value: Plan, *, diffs: bool) -> None:
    """A plan by node and chapter."""
    place = ("", "")
    for change in value.pending:
        here = (change.item.node, change.item.chapter)
        if here != place:
            out.print(f"\n[bold]{here[0]}[/]  {here[1]}")
            place = here
        _change(change, diffs)
    counts = {status: sum(c.status is status for c in value.changes) for status in Status}
    if value.pending:
        out.print()
    out.print(
        f"{counts[Status.CHANGE]} to change, {counts[Status.KNOWN_AFTER]} known after apply,"
        f" {counts[Status.SAME]} the same"
    )


def _change(change: Change, diffs: bool) -> None:
    primitive = change.item.primitive
    style = "yellow" if change.status is Status.CHANGE else "cyan"
    out.print(f"  [{style}]{_SIGN[change.status]}[/] {primitive.step}: ", end="")
    out.print(title(primitive) + (f" ({change.reason})" if change.reason else ""), markup=False)
    if diffs:
        for line in change.diff:
            color = {"+": "green", "-": "red"}.get(line[:1])
            out.print("      " + line, style=color, markup=False)


def outline(value: Plan) -> None:
    """A plan in a few lines: its titles in their order or, where it is much, what is due on each node."""
    if len(value.pending) <= OUTLINE:
        for change in sorted(value.pending, key=lambda change: change.item.stage):
            say(f"{change.item.node}: {title(change.item.primitive)}")
        return
    for node in dict.fromkeys(change.item.node for change in value.pending):
        mine = [change.item for change in value.pending if change.item.node == node]
        if len(mine) <= OUTLINE:
            for item in mine:
                say(f"{node}: {title(item.primitive)}")
        else:
            say(f"{node}: {len(mine)} steps: {', '.join(dict.fromkeys(item.chapter for item in mine))}")


def answers(values: Sequence[Answer]) -> None:
    """Answers of checks: what is wrong in full, what is right as a count per node."""
    for answer in values:
        if answer.yes:
            continue
        warning = answer.check.severity is Severity.WARNING
        label = "[yellow]warning[/]" if warning else "[bold red]no[/]"
        out.print(f"{label} {answer.node}  {answer.chapter}: ", end="")
        out.print(f"{answer.check.name}: {answer.reason}", markup=False)
        if answer.check.hint:
            out.print(f"    hint: {answer.check.hint}", style="cyan", markup=False)
    bad = sum(answer.is_failure for answer in values)
    warned = sum(not answer.yes for answer in values) - bad
    out.print(f"{len(values) - bad - warned} checks say yes, {warned} warn, {bad} say no")


def notes(values: Iterable[Answer]) -> None:
    """What somebody should know before anything is changed, and what to do."""
    for answer in values:
        hint = f" ({answer.check.hint})" if answer.check.hint else ""
        say(f"note: {answer.node}: {answer.check.name}: {answer.reason}{hint}")


_COLOURS = {board.DONE: "green", board.RUNS: "bold yellow", board.FAILED: "bold red"}


class Progress:
    """Follows a run: a live table of nodes and chapters on a terminal, lines elsewhere."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._board = board.Board(nodes)
        self.finished: list[StageDone] = []
        self._live = Live(self.render(), console=err, refresh_per_second=8) if err.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.update(self.render())
            self._live.stop()

    def expect(self, plan: Plan) -> None:
        """What is going to be done."""
        self._board.expect(plan)
        if self._live:
            self._live.update(self.render())

    def __call__(self, event: Event) -> None:
        self._board.see(event)
        if isinstance(event, StageDone):
            self.finished.append(event)
        match event:
            case StageDone() if not self._live:
                say(
                    f"{event.seconds:7.1f} s  {event.node}: {event.chapter}: {event.changed} changed"
                    f" ({event.took:.1f} s)"
                )
            case LockWaiting():
                say(f"{event.node}: waiting for {event.holder}")
            case NodeLost():
                say(f"{event.node}: the connection was lost ({event.reason}), connecting again")
            case Interrupted():
                for node, step in event.running:
                    say(f"{node}: {step} was running and comes to its end there")
            case _:
                pass
        if self._live:
            self._live.update(self.render())

    def render(self) -> Table:
        """The table as it stands."""
        grid = Table(box=None, pad_edge=False, header_style="bold", caption=board.LEGEND, caption_justify="left")
        rows = [(row.node.split(".")[0], self._board.strip(row), row) for row in self._board.rows]
        # On a narrow terminal the step gives way, and nothing else.
        grid.add_column("NODE", no_wrap=True, min_width=max((len(name) for name, _, _ in rows), default=0))
        grid.add_column("CHAPTERS", no_wrap=True, min_width=max((len(signs) for _, signs, _ in rows), default=0))
        grid.add_column("NOW", no_wrap=True, min_width=max((len(row.chapter) for _, _, row in rows), default=0))
        grid.add_column("CHANGED", no_wrap=True, min_width=len("CHANGED"))
        grid.add_column("STEP", no_wrap=True, overflow="ellipsis")
        for name, signs, row in rows:
            coloured = Text.assemble(*((sign, _COLOURS.get(sign, "dim")) for sign in signs))
            grid.add_row(name, coloured, row.chapter, str(row.changed), Text(row.step))
        return grid
