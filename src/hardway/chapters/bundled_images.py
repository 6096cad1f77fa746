"""Images that a bundle has brought to the node (part of chapter 9)."""

from hardway.chapters.components import BROUGHT
from hardway.steps import Check, Command

LIST = f"{BROUGHT}/images/list"
"""Lines of an image's full name and its archive beside the list."""
PINNED = "io.cri-containerd.pinned=pinned"


def step() -> Command:
    """Import what containerd does not have; nothing where no bundle was used."""
    return Command(
        "configure-components/images",
        "import the images that a bundle has brought",
        f"if [ -s {LIST} ]; then\n"
        "  while read -r image file <&3; do\n"
        f'    ctr -n k8s.io images import "{BROUGHT}/images/$file" >/dev/null\n'
        f'    ctr -n k8s.io images label "$image" {PINNED} >/dev/null\n'
        f"  done 3<{LIST}\nfi\n",
        Check(
            "the images of the bundle to be imported",
            f"[ -s {LIST} ] || exit 0\n"
            'have="$(ctr -n k8s.io images ls -q 2>/dev/null)" || { echo "containerd does not answer"; exit 1; }\n'
            "while read -r image _; do\n"
            '  case " ${have//$\'\\n\'/ } " in *" $image "*) ;; *) echo "$image is missing"; exit 1 ;; esac\n'
            f"done <{LIST}\n",
        ),
        idempotent=True,
        why="pinned, because no registry could give them back",
    )
