"""Names of patch files: `target[suffix][+patchtype].extension` (kubeadm `app/util/patches/patches.go`, parseFilename)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = ("json", "merge", "strategic")
DEFAULT = "strategic"
EXTENSIONS = ("json", "yaml")


@dataclass(frozen=True)
class PatchName:
    """What the name of a file says."""

    target: str = ""
    """Empty: kubeadm passes the file over."""
    kind: str = ""
    ignored: str = ""
    """Why it is passed over."""
    wrong: str = ""
    """Why kubeadm stops."""


def parse(name: str, targets: Sequence[str]) -> PatchName:
    """The name of a file without its directories. What stands between the suffix and the extension is not looked at."""
    if not re.search(rf".+\.({'|'.join(EXTENSIONS)})\Z", name):
        return PatchName(ignored=f"its extension is none of {', '.join(EXTENSIONS)}")
    found = re.match(rf"({'|'.join(map(re.escape, targets))})[^.+\n]*(\+)?({'|'.join(KINDS)})?", name)
    if found is None:
        return PatchName(ignored=f"it begins with none of {', '.join(targets)}")
    target, plus, kind = found.groups()
    if plus and not kind:
        return PatchName(wrong=f"behind the + stands none of {', '.join(KINDS)}")
    return PatchName(target, kind or DEFAULT)
