"""hardway chapters: the table of contents."""

from hardway.chapters.chapter import Chapter
from hardway.cli import outputs, ui
from hardway.cli.options import Json
from hardway.workflows.apply import APPLY


def _listed() -> tuple[Chapter, ...]:
    return tuple(dict.fromkeys(stage.chapter for stage in APPLY))


def chapters(json: Json = False) -> None:
    """List the chapters: article number, name, kubeadm phase for init and join, mandatory or optional."""
    listed = _listed()
    if json:
        ui.data(
            outputs.CHAPTERS.text(
                [
                    {
                        "name": chapter.name,
                        "title": chapter.title,
                        "article": list(chapter.article),
                        "initPhase": chapter.init_phase,
                        "joinPhase": chapter.join_phase,
                        "optional": chapter.optional,
                    }
                    for chapter in listed
                ]
            )
        )
        return
    ui.table(
        ("ARTICLE", "CHAPTER", "TITLE", "KUBEADM INIT PHASE", "KUBEADM JOIN PHASE", ""),
        [
            (
                ",".join(str(number) for number in chapter.article) or "-",
                chapter.name,
                chapter.title,
                chapter.init_phase or "-",
                chapter.join_phase or "-",
                "optional" if chapter.optional else "mandatory",
            )
            for chapter in listed
        ],
    )
