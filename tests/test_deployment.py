"""What operators start from (container image, compose file, .env.example) is what the code reads and runs."""

from __future__ import annotations

import json
import re

from mdm.embedded import BASE_DIR
from mdm.management.commands.up import web

EXAMPLE = (BASE_DIR / ".env.example").read_text()
KINDS = "text|flag|number|words|zone|choice|pairs|networks|secret"
READ = re.compile(rf"""(?:env\.(?:{KINDS})\(|_VARIABLE = )"([A-Z_]+)\"""")
OF_TESTS = {"CHROMIUM", "CONCORD_REQUIRE_BROWSER"}


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    sources = [path.read_text() for part in ("mdm", "sync") for path in (BASE_DIR / part).rglob("*.py")]
    read = {name for source in sources for name in READ.findall(source)}
    assert set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == read | {"CONCORD_VAR", *OF_TESTS}


def test_the_image_serves_as_up_does() -> None:
    image = (BASE_DIR / "Dockerfile").read_text().replace("\\\n", "")
    (command,) = re.findall(r"^CMD (.*)", image, re.MULTILINE)
    _python, _m, *served = web("0.0.0.0", 8000, 2).command  # noqa: S104 - what is in the container
    assert json.loads(command) == served
    assert "CONCORD_WEB_PROCESSES=2" in image


def test_containers_read_env_as_a_process_on_the_machine_does() -> None:
    compose = (BASE_DIR / "docker-compose.yml").read_text()
    assert "\n  env_file: .env" in compose
    assert set(re.findall(r"\$\{([A-Z_]+)", compose)) - set(re.findall(r"[A-Z_]+", EXAMPLE)) == {"POSTGRES_PASSWORD"}
