"""A reader of the change feed that may be killed at any moment: each change and its position are one line of a file.

python follower.py <address> <token> <journal>
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path


def main(address: str, token: str, journal: Path) -> None:
    text = journal.read_bytes() if journal.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]  # a line that was cut short counts as not read
    position = json.loads(whole.splitlines()[-1])["position"] if whole else 0
    with journal.open("r+b" if text else "wb") as file:
        file.truncate(len(whole))
        file.seek(len(whole))
        while True:
            request = urllib.request.Request(  # noqa: S310 - the test's own server
                f"{address}/api/v1/changes?after={position}&limit=7&wait=1",
                headers={"Authorization": f"Bearer {token}"},
            )
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                feed = json.load(answer)
            for change in feed["changes"]:
                file.write(json.dumps(change).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            position = feed["position"]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
