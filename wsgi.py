"""The application as any WSGI server takes it: ``gunicorn`` here, or ``wsgi:app`` elsewhere."""

import sys

from onlinesim_rent import create_app
from onlinesim_rent.networks.home_network import NamesFileError
from onlinesim_rent.settings import SettingsError

try:
    app = application = create_app()
except (SettingsError, NamesFileError) as error:
    sys.exit(str(error))
