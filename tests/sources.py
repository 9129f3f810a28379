"""The project's own source files, as syntax trees: what test_tidy.py looks at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("chatd", "chatctl")
_NOT_OURS = {".git", ".venv", ".hypothesis", "__pycache__", "build", "dist"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path

    @property
    def place(self) -> str:
        """Its path in the project."""
        return str(self.path.relative_to(ROOT))

    @property
    def name(self) -> str:
        """As it is imported."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if self.is_package else parts)

    @property
    def is_package(self) -> bool:
        """Whether it is an `__init__.py`."""
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> list[Function]:
        """All of them, methods and inner ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def imports(self) -> set[str]:
        """Every module, or name in a module, that is imported, written in full."""
        return self._imported_in(self.tree)

    @cached_property
    def imports_running(self) -> set[str]:
        """The same without what stands there for the type checker alone."""
        checking = [n for n in ast.walk(self.tree) if isinstance(n, ast.If) and _for_types(n)]
        return self.imports - {name for node in checking for name in self._imported_in(node)}

    def _imported_in(self, tree: ast.AST) -> set[str]:
        found = {name for node in ast.walk(tree) for name in self._imported(node)}
        return found - {self.name}

    def _imported(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = self._base(node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        parts = self.package.split(".")
        above = parts[: len(parts) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])


def _for_types(choice: ast.If) -> bool:
    return ast.unparse(choice.test).endswith("TYPE_CHECKING")


def files() -> list[Path]:
    """All files of the project."""
    return sorted(_walk(ROOT))


def modules(*folders: str) -> list[Module]:
    """The modules under these folders."""
    found = [
        path for folder in folders if (ROOT / folder).is_dir() for path in _walk(ROOT / folder)
    ]
    return [Module(path) for path in sorted(found) if path.suffix == ".py"]


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in _NOT_OURS and not path.name.endswith(("_cache", ".egg-info")):
                yield from _walk(path)
        else:
            yield path
