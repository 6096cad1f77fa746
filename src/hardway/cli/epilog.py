"""The last lines of a verb's help: an example to paste, and what its exit codes mean."""

MEANINGS = {
    0: "done",
    1: "error",
    2: "wrong input",
    3: "a step failed",
    4: "node not reachable",
    5: "locked",
    6: "refused",
    7: "lab",
}
"""Exit codes of the command; `errors` has those of each error."""

HERE = (2,)
"""Verbs that ask no node."""
NODES = (2, 3, 4)
"""Verbs that ask nodes."""
CHANGES = (2, 3, 4, 5, 6)
"""Verbs that change nodes."""


def exit_codes(codes: tuple[int, ...] = tuple(MEANINGS)[1:], **special: str) -> str:
    """The codes in words, 0 among them; `special`: what one (`c10`) means for a verb alone."""
    words = {0: MEANINGS[0], **{code: MEANINGS[code] for code in codes}}
    words |= {int(name.removeprefix("c")): text for name, text in special.items()}
    return f"Exit codes: {', '.join(f'{code} {text}' for code, text in sorted(words.items()))}."


def epilog(example: str, codes: tuple[int, ...], **special: str) -> str:
    """An example without the word hardway, and the exit codes that the verb may end with."""
    return f"Example: hardway {example}  |  {exit_codes(codes, **special)}"
