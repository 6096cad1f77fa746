"""The README's table: how much of each chapter was compared with kubeadm, and what differs."""

from dataclasses import replace

from hardway.parity.report import ParityReport
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
            replace(report, rows=tuple(rows)),
        )
        for chapter, rows in made.items()
        if rows
    ]
    return [*HEAD, *lines, _line("all", "", "", report)]


def _line(chapter: str, article: str, phase: str, part: ParityReport) -> str:
    fields = sum(row.fields for row in part.rows)
    numbers = (len(part.rows), fields, len(part.undeclared), len(part.declared))
    return f"| {' | '.join((chapter, article, phase, *map(str, numbers)))} |"
