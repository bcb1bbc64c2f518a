"""OpenSSH's server on loopback, for whoever may log in here: it shows one folder by SFTP and nothing else."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop import kit

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {host_key}
AuthorizedKeysFile {keys}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {home}
"""


@dataclass(frozen=True, slots=True)
class Sshd:
    port: int
    keys: Path  # a folder: host, host.pub, client, client.pub
    home: Path

    @property
    def secret(self) -> str:
        return (self.keys / "client").read_text()

    def config(self, **more: Any) -> dict[str, Any]:
        key = (self.keys / "host.pub").read_text().strip()
        return {"host": "127.0.0.1", "port": self.port, "username": getpass.getuser(), "host_key": key} | more

    @contextmanager
    def running(self, host_key: str = "host") -> Iterator[None]:
        program, env = kit.unpacked("sshd", "openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # it wants one, as root, which a system's start makes
        written = self.keys / "sshd_config"
        places = {"port": self.port, "host_key": self.keys / host_key, "keys": self.keys, "home": self.home}
        written.write_text(CONFIG.format(**places))
        with kit.serving([program, "-D", "-e", "-f", written], port=self.port, cwd=self.keys, env=env):
            yield


def made(keys: Path, home: Path) -> Sshd:
    """One that isn't running yet, with keys of its own; those named ``other`` belong to somebody else."""
    program, env = kit.unpacked("ssh-keygen", "openssh-server")
    for name in ("host", "client", "other"):
        command = [program, "-q", "-t", "ed25519", "-N", "", "-f", keys / name]
        subprocess.run(command, env={**os.environ, **env}, check=True)
    return Sshd(kit.free_port(), keys, home)
