"""The product's settings with one more route: an empty view, to compare lookups with."""

import os

os.environ.setdefault("CONCORD_HTTPS", "0")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from mdm.settings import *

ROOT_URLCONF = "tests.bench.urls"
API_RATE = 1_000_000_000
