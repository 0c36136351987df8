"""Give a module's constant another value before the module is imported.

The value in the source is replaced, so modules that import the name, defaults of arguments and expressions at import
time have it too, which setting an attribute would miss.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A constant at the top level of a module, and its value."""

    module: str
    name: str
    value: Any


def todays(where: str) -> Constant:
    """Return the constant that `MODULE:NAME` names, with the value in the source."""
    module, _, name = where.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        spec = None
    if spec is None or not spec.origin:
        raise SystemExit(f"quality: there is no module {module}; write MODULE:NAME")
    node = _assignment(ast.parse(Path(spec.origin).read_bytes()), name)
    try:
        value = ast.literal_eval(node.value) if node is not None and node.value is not None else None
    except ValueError:
        value = None
    if value is None:
        raise SystemExit(f"quality: {module} has no constant {name} with a plain value at its top level")
    return Constant(module=module, name=name, value=value)


def change(constant: Constant) -> None:
    """Give the constant its value in this process, once and for all; its module must not be imported yet."""
    if constant.module in sys.modules:
        raise RuntimeError(f"{constant.module} is already imported")
    sys.meta_path.insert(0, _Finder(constant))


def _assignment(tree: ast.Module, name: str) -> ast.Assign | ast.AnnAssign | None:
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(
            isinstance(target, ast.Name) and target.id == name for target in targets
        ):
            return node
    return None


class _Finder(MetaPathFinder):
    def __init__(self, constant: Constant) -> None:
        self._constant = constant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._constant.module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin:
            spec.loader = _Loader(self._constant, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, constant: Constant, path: str) -> None:
        super().__init__(constant.module, path)
        self._constant = constant

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source with the other value; compiled files of the real one are neither read nor written."""
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path))
        node = _assignment(tree, self._constant.name)
        assert node is not None
        node.value = ast.copy_location(ast.parse(repr(self._constant.value), mode="eval").body, node)
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
