"""User-data for cloud-init: the machine before it joins, made at its first boot (article tab Cloud-init).

The text comes from the same lowering that bash and the engine use. cloud-init writes all files first (module
write_files, early in the boot) and runs the commands last (module scripts_user), each kind in its order; that this
order will do is promised by `workflows.first_boot`. No node is asked; facts come from the inventory.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Document, Node, Value
from hardway.renderers import bash
from hardway.renderers.files import Entry, Tree, file
from hardway.steps import Primitive, Run, Write, lower, yaml
from hardway.steps.shell import for_each, is_plain_text, octal, quote
from hardway.workflows.first_boot import LEFT_TO_APPLY
from hardway.workflows.stage import Stage

Placed = tuple[Chapter, Primitive]

HEAD = "#cloud-config\n"
"""cloud-init knows a part by its first line."""

MERGE = """\
# Where it is one part of several, its lists are added to theirs.
merge_how:
  - name: list
    settings: [append]
  - name: dict
    settings: [no_replace, recurse_list]
"""

ENVIRONMENT = "set -eu; export HOME=/root LC_ALL=C"
"""cloud-init makes one script of all commands; a service has no HOME."""


def render(cluster: Cluster, stages: Sequence[Stage], nodes: Iterable[Node]) -> Tree:
    """Per node, below a directory of its host name, the files of a NoCloud seed.

    `user-data` holds no secret; where a node gets secret files, they stand in `secret` (0600), a second part. `meta-data`
    is what NoCloud wants beside them. Nodes without anything to do have no directory.
    """
    tree: dict[str, Entry] = {}
    for node in nodes:
        placed = tuple(primitives(cluster, stages, node))
        if not placed:
            continue
        folder = f"/{node.host_name}"
        tree[f"{folder}/user-data"] = file(user_data(node, placed, left_out(cluster, stages, node)))
        tree[f"{folder}/meta-data"] = file(yaml.dump({"instance-id": node.name, "local-hostname": node.name}))
        if any(isinstance(item, Write) and item.secret for _, item in placed):
            tree[f"{folder}/secret"] = file(secret_part(node, placed), 0o600)
    return tree


def primitives(cluster: Cluster, stages: Iterable[Stage], node: Node) -> Iterator[Placed]:
    """What the node does at its first boot, in order."""
    for stage in stages:
        if node in stage.on(cluster):
            for step in stage.chapter.steps(cluster, node):
                if step.id not in LEFT_TO_APPLY:
                    yield from ((stage.chapter, item) for item in lower(step))


def left_out(cluster: Cluster, stages: Iterable[Stage], node: Node) -> tuple[str, ...]:
    """Steps of the node that need the cluster."""
    steps = (step.id for stage in stages if node in stage.on(cluster) for step in stage.chapter.steps(cluster, node))
    return tuple(step for step in steps if step in LEFT_TO_APPLY)


def user_data(node: Node, placed: Sequence[Placed], left: Iterable[str] = ()) -> str:
    """The main part. Nothing secret is in it."""
    chapters = tuple(dict.fromkeys(chapter for chapter, _ in placed))
    files = [item for _, item in placed if isinstance(item, Write) and not item.secret]
    parts = [HEAD, *_about(node, tuple(left)), MERGE]
    if any(item.step == "base-os/hostname" for _, item in placed):
        parts.append(
            "# Chapter base-os names the machine; at a later boot nobody else does.\npreserve_hostname: true\n"
        )
    if files:
        parts += ["write_files:\n", *_files(files)]
    commands = list(_commands(chapters, placed, files))
    if commands:
        parts += ["runcmd:\n", *commands]
    return "".join(parts)


def secret_part(node: Node, placed: Sequence[Placed]) -> str:
    """The files that nobody else may read, as a part of their own."""
    about = f"# {node.name}: the secret part. Hand it over beside user-data, and to nobody else.\n"
    files = [item for _, item in placed if isinstance(item, Write) and item.secret]
    return "".join([HEAD, about, MERGE, "write_files:\n", *_files(files)])


def _about(node: Node, left: Sequence[str]) -> Iterator[str]:
    yield f"# {node.name}: the machine before it joins.\n"
    yield "# cloud-init writes the files, then runs the commands as root, in this order; the first that fails ends it.\n"
    yield "# How it went: cloud-init status --long; /var/log/cloud-init-output.log ends with the step that failed.\n"
    if left:
        yield "# Left to hardway apply:\n"
        yield from (f"#   {step}: {LEFT_TO_APPLY[step]}\n" for step in left)


def _files(writes: Iterable[Write]) -> Iterator[str]:
    for write in writes:
        yield f"  # {write.step}{': ' + write.why if write.why else ''}\n"
        yield _item(_entry(write))


def _entry(write: Write) -> Document:
    # cloud-init changes the owner last, and the kernel then takes such bits away.
    assert not write.mode & 0o7000, f"{write.path}: cloud-init cannot set mode {octal(write.mode)}"
    entry: dict[str, Value] = {"path": write.path, "permissions": octal(write.mode)}
    if write.owner != "root:root":
        # Users of the same user-data exist when deferred files are written, and not before.
        entry |= {"owner": write.owner, "defer": True}
    if _is_readable(write.content):
        return {**entry, "content": write.content.decode()}
    return {**entry, "encoding": "b64", "content": base64.encodebytes(write.content).decode()}


def _is_readable(content: bytes) -> bool:
    """It can stand in a block of YAML, which takes other line breaks than \\n for one and knows no control characters."""
    return is_plain_text(content) and all(char.isprintable() or char in "\n\t" for char in content.decode())


def _commands(chapters: Iterable[Chapter], placed: Sequence[Placed], files: Sequence[Write]) -> Iterator[str]:
    scripts = [(chapter, _script(item for owner, item in placed if owner == chapter)) for chapter in chapters]
    if not any(text for _, text in scripts):
        return
    yield "  # The first command that fails ends all that follow.\n"
    yield _item(ENVIRONMENT)
    if files:
        yield "  # A module that fails does not keep cloud-init from the next. write_files ends at the first file that fails.\n"
        yield _item(_bash(_written(files)))
    for chapter, text in scripts:
        if text:
            article = f" (article: chapter {', '.join(map(str, chapter.article))})" if chapter.article else ""
            yield f"  # {chapter.name}: {chapter.title}{article}\n"
            yield _item(_bash(text))


def _written(files: Sequence[Write]) -> str:
    """Asks for the last file of each of the two modules that write files."""
    last = {_entry(write).get("defer", False): write.path for write in files}
    return for_each(
        "file",
        [quote(path) for path in last.values()],
        '[ -e "$file" ] || { echo "hardway: write_files did not come to $file" >&2; exit 1; }\n',
    )


def _script(items: Iterable[Primitive]) -> str:
    """The commands of one chapter; each step says its name before it begins."""
    parts = []
    for item in items:
        if isinstance(item, Write):
            continue
        assert not (isinstance(item, Run) and item.inputs), f"{item.step} needs a run input"
        parts.append(f"echo {quote('hardway: ' + item.step)}\n{bash.text(item)}")
    return "\n".join(parts)


def _bash(text: str) -> tuple[str, ...]:
    return ("bash", "-euo", "pipefail", "-c", text)


def _item(value: Value) -> str:
    """One entry of a list below a top-level key."""
    text = yaml.dump((value,)).removesuffix("\n")
    return "".join(f"  {line}\n" if line else "\n" for line in text.split("\n"))
