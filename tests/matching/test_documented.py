"""Whoever reads the engine finds every public name explained where it is defined."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import matching
from matching.compare import Comparator

ROOT = Path(matching.__file__).parent
PROTOCOL = {name for name in vars(Comparator) if not name.startswith("_")}  # explained once, there


def public(node: ast.Module | ast.ClassDef, within: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{within}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_is_explained(path: Path) -> None:
    module = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(module)
    silent = [
        name
        for name, node in public(module)
        if not ast.get_docstring(node) and not ("." in name and node.name in PROTOCOL)
    ]
    assert silent == []
