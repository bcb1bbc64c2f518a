"""The product's settings on plain HTTP, with a cheap password hash and servers of the tests' own; everything else is as
in production.
"""

import os
from pathlib import Path

from mdm import env

os.environ.setdefault("CONCORD_HTTPS", "0")
os.environ.setdefault("LOG_LEVEL", "WARNING")

# Each process of pytest-xdist has PostgreSQL and Redis to itself: what one leaves open would hold back the change feed
# and the lookups' memory of another, in whatever database. What a test starts finds itself provided for.
GIVEN = os.environ.get("CONCORD_TESTS")
HOME = (Path(GIVEN).parent if GIVEN else env.var_dir() / "tests") / os.environ.get("PYTEST_XDIST_WORKER", "gw0")
if str(HOME) != GIVEN:
    os.environ["CONCORD_TESTS"] = os.environ["CONCORD_VAR"] = str(HOME)

from mdm.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # static files are looked up when asked for, not listed by each test client
