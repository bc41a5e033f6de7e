"""The WSGI application ``wsgi:app``. Gunicorn finds it through gunicorn.conf.py."""

import sys

from onlinesim_rent.application import create_app
from onlinesim_rent.configuration_error import ConfigurationError

try:
    app = application = create_app()
except ConfigurationError as error:
    sys.exit(str(error))
