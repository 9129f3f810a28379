"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

import pytest

from chatd import __version__
from tests.sources import PACKAGES, ROOT, Function, Module, files, modules

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40
MEDIAN_FUNCTION_LINES_MAX = 12

ARROW = ["chatctl", "chatd.server", "chatd.storage", "chatd.chat", "chatd.security"]
ARROW += ["chatd.protocol"]
SHARED = "chatd.security.channel"
"""What both ends of a sealed channel need, with its cryptography."""
"""Each may import those after it; chatctl only the last."""

NEVER_TOUCHES = {
    "chatd.protocol": {"trio", "socket", "ssl", "apsw", "os", "pathlib", "threading", "time"},
    "chatd.security": {"trio", "socket", "ssl", "apsw", "pathlib", "time"},
    "chatd.chat": {"trio", "socket", "ssl", "apsw", "os", "pathlib", "threading"},
    "chatd.storage": {"socket", "ssl"},
    "chatd.server": {"apsw", "sqlite3"},
    "chatctl": {"apsw", "sqlite3"},
}

ENTRIES = {"chatd.__main__", "chatd.server.cli", "chatctl.__main__", "chatctl.cli"}
ENTRIES |= {"chatctl.client"}
CLOCKS = {"trio.testing", "trio.testing.MockClock"}

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED: list[str] = _PROJECT["dependencies"]
NEEDED_TO_DEVELOP: list[str] = _PROJECT["optional-dependencies"]["dev"]

OURS, TESTS = modules(*PACKAGES), modules("tests")
ALL = [*OURS, *TESTS, *modules("bench")]


def room(name: str) -> str | None:
    """The part of the arrow that a module belongs to; `chatd` itself stands above all."""
    return next((r for r in ARROW if name == r or name.startswith(f"{r}.")), None)


def against_the_arrow(module: Module) -> set[str]:
    """The parts that a module imports and may not."""
    here = room(module.name)
    if here is None:
        return set()
    allowed = {here, ARROW[-1]} if here == "chatctl" else set(ARROW[ARROW.index(here) :])
    imports = {name for name in module.imports if not name.startswith(SHARED)}
    return {there for name in imports if (there := room(name))} - allowed


def test_imports_point_down_the_arrow() -> None:
    assert {m.place: wrong for m in OURS if (wrong := against_the_arrow(m))} == {}


def test_what_a_package_never_touches() -> None:
    def touches(module: Module) -> set[str]:
        roots = {name.partition(".")[0] for name in module.imports}
        return roots & NEVER_TOUCHES.get(room(module.name) or "", set())

    assert {m.place: wrong for m in OURS if (wrong := touches(m))} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = {module.name: module for module in OURS}
    graph = {name: module.imports_running & known.keys() for name, module in known.items()}
    while leaves := [name for name, needed in graph.items() if not needed & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert {name: needed & graph.keys() for name, needed in graph.items()} == {}


def test_no_module_is_dead() -> None:
    used = {name for module in OURS for name in module.imports}
    dead = [m.place for m in OURS if m.name not in used | ENTRIES and not m.is_package]
    assert dead == []


def test_files_are_short() -> None:
    lengths = {module.place: module.text.count("\n") for module in ALL}
    assert {place: length for place, length in lengths.items() if length >= FILE_LINES_MAX} == {}


def lines_of(function: Function) -> int:
    """Its lines, without its docstring."""
    first, *_ = function.body
    quoted = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    doc = (first.end_lineno or 0) - first.lineno + 1 if quoted else 0
    return (function.end_lineno or 0) - function.lineno + 1 - doc


def test_functions_are_short() -> None:
    lengths = {f"{m.place}: {f.name}": lines_of(f) for m in ALL for f in m.functions}
    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES_MAX} == {}


def test_functions_are_short_on_the_whole() -> None:
    lengths = [lines_of(function) for module in OURS for function in module.functions]
    assert median(lengths) <= MEDIAN_FUNCTION_LINES_MAX


def test_modules_say_what_they_are_for() -> None:
    assert [m.place for m in ALL if m.tree.body and not ast.get_docstring(m.tree)] == []


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of the exceptions; of a bare one, all."""
    kind = handler.type
    if kind is None:
        return {"BaseException"}
    return {ast.unparse(one) for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind])}


def swallowed(handler: ast.ExceptHandler) -> bool:
    """Whether a handler of everything does nothing."""
    does = [n for n in handler.body if not isinstance(n, ast.Pass | ast.Continue)]
    return not does and bool(caught(handler) & {"Exception", "BaseException"})


def test_no_exception_is_swallowed() -> None:
    handlers = [(m, n) for m in ALL for n in ast.walk(m.tree) if isinstance(n, ast.ExceptHandler)]
    wrong = [f"{m.place}:{h.lineno}" for m, h in handlers if h.type is None or swallowed(h)]
    assert wrong == []


def called(node: ast.AST) -> set[str]:
    """The last names of what is called anywhere in `node`."""
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return {ast.unparse(func).rpartition(".")[2] for func in calls}


def test_no_exception_is_raised_twice() -> None:
    """One that is raised again keeps the frames of every time before, and all that they hold."""
    shared = [
        (module.place, node.lineno)
        for module in ALL
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id.isupper()
    ]
    assert shared == []


def test_no_test_sleeps() -> None:
    """A mock clock's sleep takes no time; any other makes a test slow, and wrong now and then."""
    sleepers = [m for m in TESTS if "sleep" in called(m.tree)]
    assert [m.place for m in sleepers if not CLOCKS & m.imports] == []


def proving() -> set[str]:
    """The names of the tests' functions that assert, or call one that does."""
    functions = [function for module in TESTS for function in module.functions]
    found = {"raises", "fail"}
    found |= {f.name for f in functions if any(isinstance(n, ast.Assert) for n in ast.walk(f))}
    found |= {f.name for f in functions if any(isinstance(n, ast.Raise) for n in ast.walk(f))}
    while more := {f.name for f in functions if called(f) & found} - found:
        found |= more
    return found


def test_each_test_asserts_something() -> None:
    able = proving()
    tests = [(m.place, f.name) for m in TESTS for f in m.functions if f.name.startswith("test_")]
    assert [one for one in tests if one[1] not in able] == []


FOREIGN = re.compile(
    r"(?<![\w.…])/(work|root|opt)/|/home/\w+|/tmp/\w*bash|(files\.pythonhosted|pypi)\.org|simple/"
)
"""Paths of one machine, and hosts of package registries."""


def test_nothing_names_one_machine_or_a_registry() -> None:
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in files()}
    found = {path: FOREIGN.findall(text) for path, text in texts.items() if path != Path(__file__)}
    assert {path: words for path, words in found.items() if words} == {}


def plain(requirement: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.split(r"[<>=~!;\[ ]", requirement)[0].replace("_", "-").lower()


def undeclared(some: list[Module], declared: list[str]) -> set[str]:
    """What these modules import of others' that stands in none of the requirements."""
    homes = packages_distributions()
    names = {name.partition(".")[0] for module in some for name in module.imports}
    foreign = names - sys.stdlib_module_names - {*PACKAGES, "tests", "bench"}
    allowed = {plain(requirement) for requirement in declared}
    return {n for n in foreign if not allowed & {plain(home) for home in homes.get(n, ())}}


def test_what_is_imported_is_declared() -> None:
    assert undeclared(OURS, NEEDED) == set()
    assert undeclared(TESTS + modules("bench"), NEEDED + NEEDED_TO_DEVELOP) == set()


def test_what_is_needed_is_imported() -> None:
    homes = packages_distributions()
    names = {name.partition(".")[0] for module in OURS for name in module.imports}
    used = {plain(home) for name in names for home in homes.get(name, ())}
    assert [name for name in NEEDED if plain(name) not in used] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_holds_every_dependency_with_its_hashes(lock: str) -> None:
    wanted = NEEDED + (NEEDED_TO_DEVELOP if "dev" in lock else [])
    entries = re.split(r"\n(?=\w)", (ROOT / lock).read_text().strip())
    assert {plain(name) for name in wanted} <= {plain(entry) for entry in entries}
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_changes_of_this_version_are_told() -> None:
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
