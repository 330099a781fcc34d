"""`web`: admin, REST, everything that answers at once."""

import os

from django.core.wsgi import get_wsgi_application

from apps.core.chunked import with_chunked_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = with_chunked_bodies(get_wsgi_application())
