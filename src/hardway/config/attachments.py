"""Files that the Inventory names: what goes to the masters, and the user's own manifests."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from hardway.config.document import MAX_BYTES, SourceDocument
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.model import freeze_document


def read(sources: Sources, folder: Path) -> Iterator[Problem]:
    """Puts the contents into `sources`; yields what cannot be read. Names are relative to `folder`."""
    document = sources.documents["Inventory"]
    for path, name in sources.inventory.files.items():
        if not path.startswith("/") or path.endswith("/"):
            yield document.problem(("files", path), "must be the absolute path of a file on the masters")
        text, reason = text_of(folder / name)
        if reason:
            yield document.problem(("files", path), f"`{name}` cannot be read: {reason}")
        sources.files[path] = text
    for host, registry in sources.inventory.containerd.registries.items():
        for number, mirror in enumerate(registry.mirrors):
            if mirror.ca:
                place = ("containerd", "registries", host, "mirrors", number, "ca")
                text, reason = text_of(folder / mirror.ca)
                if reason:
                    yield document.problem(place, f"`{mirror.ca}` cannot be read: {reason}")
                elif "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY-----" in text:
                    yield document.problem(place, f"`{mirror.ca}` does not hold certificates in PEM, and only them")
                sources.certificates[mirror.ca] = text
    for number, name in enumerate(sources.inventory.manifests):
        yield from _manifest(sources, document, number, name, folder)


def text_of(path: Path) -> tuple[str, str]:
    """Content, or the reason why there is none."""
    try:
        if path.exists() and not path.is_file():
            return "", "it is not a file"
        if path.stat().st_size > MAX_BYTES:
            return "", "it is larger than 4 MiB"
        return path.read_text(encoding="utf-8"), ""
    except OSError as error:
        return "", str(error.strerror)
    except ValueError:
        return "", "it is not text in UTF-8"


def _manifest(sources: Sources, document: SourceDocument, number: int, name: str, folder: Path) -> Iterator[Problem]:
    place = ("manifests", number)
    text, reason = text_of(folder / name)
    if reason:
        yield document.problem(place, f"`{name}` cannot be read: {reason}")
        return
    try:
        values = [value for value in yaml.safe_load_all(text) if value is not None]
        for value in values:
            if not isinstance(value, dict) or not {"apiVersion", "kind", "metadata"} <= value.keys():
                yield document.problem(place, f"`{name}` holds something that is no API object")
                return
        sources.manifests += [freeze_document(value) for value in values]
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        yield document.problem(place, f"`{name}` cannot be read: {' '.join(str(error).split())[:200]}")
