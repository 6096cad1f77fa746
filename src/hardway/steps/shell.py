"""The only place where shell text is put together: quoting, heredocs, file bodies. The shell is bash."""

import base64
import re
import shlex
from collections.abc import Iterable

INPUTS = "/run/hardway/inputs"
"""Directory (0700) of run inputs on a node: values that exist only at run time, each in a 0600 file."""


def quote(word: str) -> str:
    """One shell word."""
    return shlex.quote(word)


def words(argv: Iterable[str]) -> str:
    """A command line of quoted words."""
    return shlex.join(argv)


def input_file(name: str) -> str:
    """File in which a node finds the run input, e.g. `token/NODE` or `certificate-key`."""
    return f"{INPUTS}/{name.replace('/', '-')}"


def heredoc(command: str, text: str) -> str:
    """The command with the text on its standard input, taken literally."""
    mark = "EOF"
    lines = text.splitlines()
    while mark in lines:
        mark += "_"
    body = text if text.endswith("\n") or not text else text + "\n"
    return f"{command} <<'{mark}'\n{body}{mark}\n"


def literal(text: str) -> str:
    """Text that a here-document without quotes leaves as it is."""
    return re.sub(r"[\\$`]", r"\\\g<0>", text)


def for_each(variable: str, values: Iterable[str], body: str) -> str:
    """The body once for each of the values (already quoted); a single value needs no loop."""
    listed = list(values)
    if len(listed) == 1:
        return f"{variable}={listed[0]}\n{body}"
    indented = "".join(f"  {line}" for line in body.splitlines(keepends=True))
    return f"for {variable} in {' '.join(listed)}; do\n{indented}done\n"


def octal(mode: int) -> str:
    """A mode as chmod and stat print it, e.g. 0644."""
    return f"{mode:04o}"


def is_plain_text(content: bytes) -> bool:
    """The bytes can stand in a heredoc: UTF-8 with a final newline, no NUL or carriage return."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return (text.endswith("\n") or not text) and "\0" not in text and "\r" not in text


def body(content: bytes, command: str) -> str:
    """The command fed with exactly these bytes: as a readable heredoc where possible, else as base64."""
    if is_plain_text(content):
        return heredoc(command, content.decode())
    encoded = base64.encodebytes(content).decode()
    return f"base64 -d <<'EOF' | {command}\n{encoded}EOF\n"
