"""The one arrow, ``sync → mdm → matching``, and the layout: read from the sources, nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("matching", "mdm", "sync")
MAY_IMPORT = {"matching": {"matching"}, "mdm": {"mdm", "matching"}, "sync": {"sync", "mdm", "matching"}}
# A pure library has no framework, no database, no network and no clock.
IMPURE = {"django", "rest_framework", "celery", "redis", "psycopg", "httpx", "socket", "requests", "time", "datetime"}
MAX_LINES = 400
MOST_OF_A_VIEW = 15


def modules(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> Iterator[str]:
    """Dotted names of everything a module imports, inside functions and ``TYPE_CHECKING`` too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_module(node.func):
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _is_import_module(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}


def offences(package: str, source: Path) -> list[str]:
    used = {name.partition(".")[0] for name in imported(source)}
    return sorted((used & set(PACKAGES)) - MAY_IMPORT[package])


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_arrow(package):
    wrong = {name_of(path): found for path in modules(package) if (found := offences(package, path))}
    assert not wrong, f"{package} may import only {sorted(MAY_IMPORT[package])}"


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("import sync", ["sync"]),
        ("from sync.models import Lane", ["sync"]),
        ("def f():\n    from sync import outbox", ["sync"]),
        ("import_module('sync.tasks')", ["sync"]),
        ("from matching import recipe_for", []),
    ],
)
def test_the_walk_sees_every_kind_of_import(tmp_path, monkeypatch, line, caught):
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    path = tmp_path / "mdm" / "module.py"
    path.parent.mkdir()
    path.write_text(line)
    assert offences("mdm", path) == caught


def test_matching_is_pure():
    """But for its command line, which is where files and the clock are."""
    impure = {
        name_of(path): found
        for path in modules("matching")
        if not name_of(path).startswith("matching.cli")
        and (found := sorted({name.partition(".")[0] for name in imported(path)} & IMPURE))
    }
    assert not impure


def test_models_know_no_services_and_services_no_screens():
    """Within mdm: api and ui call services, services use models; nothing calls upwards."""
    above = {"models": ("mdm.services", "mdm.api", "mdm.ui"), "services": ("mdm.api", "mdm.ui")}
    wrong = [
        f"{name_of(path)} imports {name}"
        for layer, forbidden in above.items()
        for path in modules(f"mdm/{layer}")
        for name in imported(path)
        if name.startswith(forbidden)
    ]
    assert not wrong


def test_the_api_and_the_screens_do_not_use_each_other():
    pairs = {"mdm/api": "mdm.ui", "mdm/ui": "mdm.api"}
    wrong = [
        f"{name_of(path)} imports {name}"
        for folder, other in pairs.items()
        for path in modules(folder)
        for name in imported(path)
        if name.startswith(other)
    ]
    assert not wrong


def test_adapters_never_touch_the_database():
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in modules("sync/adapters")
        for name in imported(path)
        if name.startswith(("mdm.models", "mdm.services", "sync.models", "django.db", "psycopg"))
    ]
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_holds_one_idea(package):
    """400 lines at most; a longer one begins with a docstring that says why ("Long because …")."""
    long = [
        name_of(path)
        for path in modules(package)
        if len((text := path.read_text()).splitlines()) > MAX_LINES
        and "Long because" not in (ast.get_docstring(ast.parse(text)) or "")
    ]
    assert not long


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_with_code_says_what_it_is(package):
    silent = [
        name_of(path)
        for path in modules(package)
        if (tree := ast.parse(path.read_text())).body and not ast.get_docstring(tree) and not _is_entry_point(path)
    ]
    assert not silent


def _is_entry_point(path: Path) -> bool:
    return path.name in {"apps.py", "urls.py", "wsgi.py", "celery.py", "__init__.py"}


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
VIEWS = sorted({*(ROOT / "mdm/ui/views").glob("*.py"), *(ROOT / "sync/ui/views").glob("*.py")})


def test_every_template_says_what_it_needs():
    silent = [path.name for path in TEMPLATES if "{#" not in "".join(path.read_text().splitlines(keepends=True)[:3])]
    assert not silent


def test_templates_have_neither_styles_nor_scripts_inside():
    inside = re.compile(r'\sstyle="|<style|<script(?![^>]*\ssrc=)|\son[a-z]+="')
    assert not [path.name for path in TEMPLATES if inside.search(path.read_text())]


def test_views_are_short():
    """Fifteen lines at most, besides what says what they do."""
    assert VIEWS
    long = [
        f"{name_of(path)}.{node.name}"
        for path in VIEWS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and _lines(node) > MOST_OF_A_VIEW
    ]
    assert not long


def _lines(function: ast.FunctionDef) -> int:
    first, last = function.body[0], function.end_lineno or 0
    said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return last - (first.end_lineno or 0 if said else function.lineno)
