"""What the tests of several hosts share."""

from contextlib import ExitStack

import pytest
from fleets import Host, modems
from redis_servers import redis_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Redis of the test file's own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(server):
    """The same Redis, empty."""
    server.client.flushall()
    return server


@pytest.fixture
def run_host(redis, tmp_path):
    """Starts hosts, and ends them with the test."""
    with ExitStack() as hosts:

        def run(name, modules, **values):
            return hosts.enter_context(Host(name, tmp_path, redis.url, modems(modules), **values))

        yield run
