"""The README's table: how much of each chapter was compared with kubeadm, and what differs."""

from collections.abc import Iterable

from hardway.parity.declared import declaration
from hardway.parity.report import ParityReport, Row
from hardway.workflows.apply import APPLY

HEAD = (
    "| chapter | article | phase of `kubeadm init` | files and objects | fields compared | differ | differ by declaration |",
    "|---|---|---|---|---|---|---|",
)


def table(report: ParityReport) -> list[str]:
    """Lines of Markdown, in the order of the guide; the last one is the sum."""
    listed = dict.fromkeys(stage.chapter for stage in APPLY)
    made = {chapter: [row for row in report.rows if row.chapter == chapter.name] for chapter in listed}
    lines = [
        _line(
            chapter.name,
            ", ".join(map(str, chapter.article)),
            f"`{chapter.init_phase}`" * bool(chapter.init_phase),
            rows,
        )
        for chapter, rows in made.items()
        if rows
    ]
    return [*HEAD, *lines, _line("all", "", "", report.rows)]


def _line(chapter: str, article: str, phase: str, rows: Iterable[Row]) -> str:
    listed = list(rows)
    differences = [difference for row in listed for difference in row.differences]
    kept = sum(declaration(difference) is not None for difference in differences)
    numbers = (len(listed), sum(row.fields for row in listed), len(differences) - kept, kept)
    return f"| {' | '.join((chapter, article, phase, *map(str, numbers)))} |"
