"""The layers of the house: imports go one way (design section 5)."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hardway

ROOT = Path(hardway.__file__).parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("cli",),
    ("lab", "parity"),
    ("bundle",),
    ("engine", "renderers", "config"),
    ("operations",),
    ("workflows",),
    ("chapters",),
    ("steps",),
    ("pki",),
    ("patches",),
    ("model",),
    ("kinds",),
    ("versions",),
    ("features",),
    ("gotypes",),
    ("errors",),
)
"""Highest first. Neighbours in one tuple do not know each other."""

NOT_BELOW_THE_ENGINE = {
    "cryptography",
    "pydantic",
    "subprocess",
    "socket",
    "os",
    "random",
    "secrets",
    "time",
    "asyncio",
}
PURE = ("chapters", "steps", "patches", "model", "kinds", "gotypes", "workflows", "operations")
IMPURE_MODULES = {"hardway.pki.sign"}
MAKING = ("chapters", "steps", "workflows", "patches", "renderers")
"""What these make may differ between minors by the names of features only."""
OF_VERSIONS = {"hardway.features.Features", "hardway.features.V1BETA3", "hardway.features.V1BETA4"}
"""What they may know of the tables of versions: names, and no rows."""
ASKS_FOR_A_NUMBER = {"hardway.chapters.preflight_system: kubelet_version"}
"""Its question is about numbers: how old a kubelet may be that somebody else has installed."""


def files() -> dict[str, Path]:
    """Every module of the package with its file."""
    return {
        ".".join(("hardway", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in ROOT.rglob("*.py")
    }


def modules() -> dict[str, set[str]]:
    """Every module of the package with what it imports."""
    found: dict[str, set[str]] = {}
    for name, file in files().items():
        imported: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative import"
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        found[name] = imported
    return found


def numbers_read(name: str, tree: ast.Module) -> Iterator[str]:
    """Each function or class that reads more of a release than its features, or a minor of anything."""
    for statement in tree.body:
        read = [node for node in ast.walk(statement) if isinstance(node, ast.Attribute)]
        of_features = [id(node.value) for node in read if node.attr == "features"]
        if any(node.attr == "minor" or (node.attr == "release" and id(node) not in of_features) for node in read):
            yield f"{name}: {getattr(statement, 'name', '(module)')}"


def rank(package: str) -> int:
    """Number of the layer, 0 for the highest."""
    return next(number for number, names in enumerate(LAYERS) if package in names)


def test_every_package_has_a_layer() -> None:
    """A new package cannot be added without saying where it stands."""
    packages = {name.split(".")[1] for name in modules() if name != "hardway"}

    assert packages == {name for names in LAYERS for name in names}


def test_imports_go_one_way() -> None:
    """No module imports from a layer above its own, or from a neighbour."""
    wrong = [
        f"{name} imports {imported}"
        for name, imports in modules().items()
        if name != "hardway"
        for imported in imports
        if imported.startswith("hardway.")
        and (mine := name.split(".")[1]) != (theirs := imported.split(".")[1])
        and rank(theirs) <= rank(mine)
    ]

    assert wrong == []


def test_nothing_below_the_engine_touches_the_world() -> None:
    """Chapters, steps, model and workflows are functions of their arguments: no I/O, clock, randomness, crypto."""
    wrong = [
        f"{name} imports {imported}"
        for name, imports in modules().items()
        if name.split(".")[1:2] and name.split(".")[1] in PURE
        for imported in imports
        if imported.split(".")[0] in NOT_BELOW_THE_ENGINE or imported in IMPURE_MODULES
    ]

    assert wrong == []


def test_nothing_that_is_made_depends_on_the_number_of_a_minor() -> None:
    """Chapters ask for features by name: a new minor is a new row of the table, and no branch in a chapter."""
    sources = {name: ast.parse(path.read_text()) for name, path in files().items() if name.split(".")[1:2]}
    making = {name: tree for name, tree in sources.items() if name.split(".")[1] in MAKING}
    rows = [
        f"{name} imports {imported}"
        for name, imports in modules().items()
        if name in making
        for imported in imports
        if imported.startswith(("hardway.versions", "hardway.features")) and imported not in OF_VERSIONS
    ]

    assert {place for name, tree in making.items() for place in numbers_read(name, tree)} == ASKS_FOR_A_NUMBER
    assert rows == []


def test_names_of_test_modules_are_their_own() -> None:
    """pytest imports test modules by bare name: two of one name cannot be collected in one run."""
    names = Counter(path.name for path in Path(__file__).parents[1].glob("**/test_*.py"))

    assert [name for name, times in names.items() if times > 1] == []
