"""The WSGI entry point of the console, the API, health and metrics."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trading.settings")
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - a second of imports that nobody's first request has to wait for
