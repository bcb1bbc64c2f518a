"""The product's settings on plain HTTP and with a cheap password hash; everything else is as in production."""

import os

os.environ.setdefault("CONCORD_HTTPS", "0")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from mdm.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
