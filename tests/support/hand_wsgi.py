"""The service with real settings over a census made by hand, for tests of the HTTP half under gunicorn."""

import sys

from hand_census import HandCensus

from onlinesim_rent.application import create_app
from onlinesim_rent.configuration_error import ConfigurationError

try:
    app = create_app(census=HandCensus())
except ConfigurationError as error:
    sys.exit(str(error))
