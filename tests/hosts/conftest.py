"""What the tests of several hosts share."""

import pytest
from redis_servers import redis_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Redis of the test file's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
