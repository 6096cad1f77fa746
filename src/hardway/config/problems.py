"""What is wrong with a cluster.yaml: all of it at once, each with its place in the user's own file."""

import re
from dataclasses import dataclass, field

from hardway.errors import UsageError

SECRET_FIELDS = ("token", "certificateKey", "tlsBootstrapToken")
_SECRET = re.compile(
    rf"\b(?:{'|'.join(SECRET_FIELDS)})['\"]?\s*:\s*(?P<value>[^,}}\s#]+)"
    r"|(?<=://)(?P<login>[^/@\s]+)(?=@)"
    r"|(?P<token>\b[a-z0-9]{6}\.[a-z0-9]{16}\b)|(?P<key>\b[0-9a-fA-F]{64}\b)"
)


def hidden(line: str) -> str:
    """A line of the user's file without the tokens, keys and logins of URLs in it; everything stays at its column."""

    def stars(found: re.Match[str]) -> str:
        secret = found[found.lastgroup or 0]
        return found[0].removesuffix(secret) + "*" * len(secret)

    return _SECRET.sub(stars, line)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    message: str
    path: str = ""
    """Place in the document, e.g. `Inventory.nodes[2].address`."""
    line: int = 0
    """First line is 1; 0: the file as a whole."""
    column: int = 0
    width: int = 1
    hint: str = ""


@dataclass
class InvalidConfiguration(UsageError):
    """Some problems; it renders each with the line it is about."""

    file: str = ""
    problems: tuple[Problem, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)

    def render(self) -> str:
        count = len(self.problems)
        text = [f"error: {self.file}: {count} problem{'s' if count != 1 else ''}"]
        for problem in self.problems:
            where = f"{self.file}:{problem.line}" if problem.line else self.file
            text.append(f"\n{where}: {problem.path + ': ' if problem.path else ''}{problem.message}")
            if 0 < problem.line <= len(self.lines):
                number = str(problem.line)
                text.append(f"  {number} | {hidden(self.lines[problem.line - 1])}")
                text.append(f"  {' ' * len(number)} | {' ' * problem.column}{'^' * max(problem.width, 1)}")
            if problem.hint:
                text.append(f"  hint: {problem.hint}")
        return "\n".join(text)
