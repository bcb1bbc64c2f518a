"""What a pack says about itself. The signature is over the manifest's bytes as they lie in the archive."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT, VERSION = "concord-downtime-pack", 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
DATABASE, PAGE, README = "crosswalk.sqlite", "lookup.html", "README.txt"
CONTENT = (DATABASE, PAGE, README)
SIGNATURE_SIZE = 64
LARGEST_MANIFEST = 1_000_000  # bytes; one is a few hundred


class Unreadable(ValueError):
    """The manifest is none of a downtime pack that this version of Concord can read."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the pack."""

    size: int  # bytes
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Part:
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    site: Mapping[str, str] | None  # id and name of the location; None: the whole network
    serial: int  # counts the packs of a site
    made_at: dt.datetime  # as of when everything in it is
    expires_at: dt.datetime
    every_hours: int  # a newer one is due after this
    position: int  # of the change feed
    key: str  # thumbprint of the public key
    systems: tuple[str, ...]
    records: int
    codes: int
    files: Mapping[str, Part]

    @property
    def place(self) -> str:
        return f"{self.site['name']} ({self.site['id']})" if self.site else "the whole network"

    def facts(self) -> dict[str, Any]:
        """All but the files: what the page and the database say of themselves, too."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "site": dict(self.site) if self.site else None,
            "serial": self.serial,
            "made_at": _written(self.made_at),
            "expires_at": _written(self.expires_at),
            "every_hours": self.every_hours,
            "position": self.position,
            "key": self.key,
            "systems": list(self.systems),
            "records": self.records,
            "codes": self.codes,
        }

    def to_bytes(self) -> bytes:
        files = {name: {"size": part.size, "sha256": part.sha256} for name, part in self.files.items()}
        return json.dumps(self.facts() | {"files": files}, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def of(cls, content: bytes) -> Manifest:
        """Raises ``Unreadable``."""
        try:
            said = json.loads(content)
            if (said["format"], said["version"]) != (FORMAT, VERSION):
                raise Unreadable(f"It is of the format {said['format']}, version {said['version']}.")
            return cls(
                site=said["site"] and {"id": str(said["site"]["id"]), "name": str(said["site"]["name"])},
                serial=int(said["serial"]),
                made_at=_instant(said["made_at"]),
                expires_at=_instant(said["expires_at"]),
                every_hours=int(said["every_hours"]),
                position=int(said["position"]),
                key=str(said["key"]),
                systems=tuple(map(str, said["systems"])),
                records=int(said["records"]),
                codes=int(said["codes"]),
                files={str(n): Part(int(one["size"]), str(one["sha256"])) for n, one in said["files"].items()},
            )
        except Unreadable:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unreadable("It is not the manifest of a downtime pack.") from error


def _written(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _instant(said: str) -> dt.datetime:
    instant = dt.datetime.fromisoformat(said)
    if instant.tzinfo is None:
        raise ValueError(said)
    return instant
