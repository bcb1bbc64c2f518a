"""The WSGI entry point that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm.settings")

_application = get_wsgi_application()

from mdm.overload import Gate  # noqa: E402 - settings first

application = Gate(_application)
