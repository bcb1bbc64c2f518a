"""What the tests against foreign counterparts share: each is installed once, into its own folder in var/interop.

What can't be installed fails its tests and says why: a counterpart that is missing has shown nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

INSTALLING = 900  # seconds that an installation may take
STARTING = 60.0  # … and a counterpart until it accepts connections


def python_of(name: str, *requirements: str) -> Path:
    """The interpreter of an environment that holds these packages and nothing of ours."""
    folder = _folder(name)
    python = folder / "bin" / "python"
    if not _is_made(folder, requirements):
        venv.create(folder, with_pip=True, clear=True)
        _install([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements], folder)
        _made(folder, requirements)
    return python


def node_folder(name: str, *packages: str) -> Path:
    """A folder whose node_modules holds these packages; run `node` in it."""
    folder = _folder(name)
    if not _is_made(folder, packages):
        program("npm", "nodejs and npm")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        _install(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], folder)
        _made(folder, packages)
    return folder


def program(name: str, package: str) -> Path:
    """A program of the system, found also where only root looks. Fails with the package that brings it."""
    if (found := _found(name, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")) is None:
        pytest.fail(f"{name} is not installed; install {package}")
    return found


def unpacked(name: str, package: str) -> tuple[Path, dict[str, str]]:
    """A program, and the environment that it needs. Where the system has none, the package of the distribution and
    what it depends on are unpacked into a folder: nothing is installed, and no service of it starts.
    """
    if found := _found(name, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"):
        return found, {}
    folder = _folder(package)
    if not _is_made(folder, [package]):
        program("apt-get", f"{package}, which brings {name}")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "partial").mkdir(parents=True)
        if os.geteuid() == 0:
            _install(["apt-get", "update", "-qq"], folder)
        places = ["-o", f"Dir::Cache::archives={folder}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]
        wanted = ["install", "-y", "-qq", "--download-only", "--reinstall", "--no-install-recommends", package]
        _install(["apt-get", *places, *wanted], folder)
        for archive in folder.glob("*.deb"):
            _install(["dpkg-deb", "-x", archive, folder], folder)
        _made(folder, [package])
    found = _found(name, *(str(folder / place) for place in ("usr/bin", "usr/sbin")))
    assert found is not None, f"{package} brings no {name}"
    return found, {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folder.glob("usr/lib/*-linux-*")))}


def _found(name: str, *places: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join(places))
    return Path(found) if found else None


@contextmanager
def serving(
    command: Sequence[str | Path], *, port: int, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A counterpart's process, from when it accepts connections on the port until the block ends."""
    log = cwd / "counterpart.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _until_it_accepts(process, port, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_accepts(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"The counterpart did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _folder(name: str) -> Path:
    return Path(settings.BASE_DIR) / "var" / "interop" / name


def _is_made(folder: Path, wanted: Sequence[str]) -> bool:
    stamp = folder / "installed.json"
    return stamp.exists() and json.loads(stamp.read_text()) == list(wanted)


def _made(folder: Path, wanted: Sequence[str]) -> None:
    (folder / "installed.json").write_text(json.dumps(list(wanted)))


def _install(command: Sequence[str | Path], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.TimeoutExpired:
        pytest.fail(f"Can't be installed: not done after {INSTALLING} s")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"Can't be installed: {error.stderr[-1000:]}")
