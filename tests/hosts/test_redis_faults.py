"""What real Redis servers do wrong, and the sentence that a person reads. Also the shipped ACL and TLS."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import threading
from contextlib import contextmanager

import pytest
from fleets import PREFIX, Host, count, front, modems, take, until_expected
from proxies import DEPLOY
from redis import Redis
from redis.exceptions import NoPermissionError
from redis_servers import redis_server

from onlinesim_rent.hosts.answer import Raised
from onlinesim_rent.hosts.exchange import ExchangeError
from onlinesim_rent.hosts.kept import kept_union
from onlinesim_rent.hosts.redis_exchange import RedisExchange

pytestmark = pytest.mark.needs("redis-server")

PASSWORD = "the-password-of-redis"


@pytest.fixture
def redis(server):
    server.client.config_set("maxmemory", 0)
    server.client.replicaof("NO", "ONE")
    server.client.config_set("requirepass", "")
    server.client.flushall()
    return server


def exchange(url: str) -> RedisExchange:
    return RedisExchange(url, PREFIX)


def problem(url: str) -> str:
    """Return the sentence of a front. The publisher must be refused too."""
    with pytest.raises(ExchangeError):
        exchange(url).store("pool-1", Raised("life", 1), b"x" * 100, 60)
    with pytest.raises(ExchangeError) as caught:
        exchange(url).raise_number(8, 5)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@contextmanager
def answering(reply: bytes, times: int = 10):
    """A server that gives every command the same reply."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for _ in range(times):
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                clients.append(client)
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        def answer(client):
            try:
                while client.recv(4096):
                    client.sendall(reply)
            except OSError:
                return

        clients: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for client in clients:
            client.close()


def info(version: str) -> bytes:
    text = f"# Server\r\nredis_version:{version}\r\nrun_id:{'0' * 40}\r\n"
    return f"${len(text)}\r\n{text}\r\n".encode()


def test_a_full_redis_is_told_from_a_broken_one(redis):
    redis.client.config_set("maxmemory", "1mb")
    assert "Redis is full; raise maxmemory" in problem(redis.url)


def test_a_replica_that_may_not_be_written_to_is_told(redis):
    redis.client.replicaof("127.0.0.1", 1)
    assert "this Redis is a read-only replica" in problem(redis.url)


@pytest.mark.parametrize("user", ["", ":wrong@", "nobody:wrong@"])
def test_a_wrong_password_is_told_and_never_shown(redis, user):
    redis.client.config_set("requirepass", PASSWORD)
    try:
        told = problem(f"{redis.url.replace('unix://', f'unix://{user}')}")
    finally:
        redis.client.execute_command("AUTH", PASSWORD)
        redis.client.config_set("requirepass", "")
    assert "Redis refuses the user or the password" in told
    assert "wrong" not in told


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "Redis cannot be reached" in problem(f"redis://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (info("6.2.14"), "Redis 7 or newer is needed; this is 6.2.14"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "RENT_REDIS_URL: "),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "still loading its data"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "answers in a way that this release does not"),
    ],
)
def test_another_server_is_told(reply, told):
    with answering(reply) as url, pytest.raises(ExchangeError) as caught:
        exchange(url).raise_number(8, 5)
    assert told in str(caught.value)


def test_keys_of_another_program_are_told(redis):
    redis.client.hset(f"{PREFIX}:raised", "what", "is this")
    with pytest.raises(ExchangeError, match="RENT_REDIS_PREFIX hold what this release did not write"):
        exchange(redis.url).asked()


def test_a_server_that_was_emptied_begins_another_life(redis):
    fleet = exchange(redis.url)
    first, second = fleet.raise_number(8, 5), fleet.raise_number(8, 5)
    assert second.covers(first)
    redis.client.flushall()
    third = fleet.raise_number(8, 5)
    assert third.number == first.number
    assert not third.covers(first)
    assert not second.covers(third)


def test_an_answer_lives_as_long_as_redis_own_clock_says(redis):
    exchange(redis.url).store("pool-1", Raised("life", 1), b"answer", 60)
    assert 59_000 < redis.client.pttl(f"{PREFIX}:answer:pool-1") <= 60_000


def test_hosts_of_the_last_day_are_expected_by_redis_own_clock(redis):
    fleet = exchange(redis.url)
    fleet.hold("pool-1", "me")
    now = redis.client.time()[0]
    redis.client.zadd(f"{PREFIX}:seen", {"yesterday": now - 86_390, "gone": now - 86_410})
    assert set(fleet.seen()) == {"pool-1", "yesterday"}
    fleet.hold("pool-1", "me")
    assert set(redis.client.zrange(f"{PREFIX}:seen", 0, -1)) == {"pool-1", "yesterday"}


# The shipped ACL and TLS


def acl(directory, prefix="onlinesim-rent"):
    """Write the shipped ACL with a password; return its path."""
    text = (DEPLOY / "redis/users.acl").read_text()
    assert "SHA256-OF-THE-PASSWORD" in text
    text = text.replace("SHA256-OF-THE-PASSWORD", hashlib.sha256(PASSWORD.encode()).hexdigest())
    path = directory / "users.acl"
    path.write_text(text.replace("~onlinesim-rent:", f"~{prefix}:"))
    return str(path)


@pytest.mark.needs("openssl")
def test_the_shipped_acl_and_tls_let_a_fleet_answer_and_nothing_more(tmp_path, caplog):
    make_certificates(tmp_path)
    port = free_port()
    url = f"rediss://onlinesim-rent:{PASSWORD}@localhost:{port}?ssl_ca_certs={tmp_path}/ca.crt"
    with (
        redis_server(tmp_path, *shipped_options(tmp_path, port), "--aclfile", acl(tmp_path)),
        Host("pool-1", tmp_path, url, modems(range(3))),
    ):
        until_expected(url, "pool-1")
        assert count(take(front(url))) == 3
        kept = kept_union(front(url))
        assert kept
        assert count(kept.census) == 3
        assert "does not publish" not in caplog.text
        assert "refuses the user" in problem(url.replace(PASSWORD, "wrong"))
        stranger = url.partition("?")[0]
        assert "Redis cannot be reached" in problem(stranger)
        with pytest.raises(ExchangeError, match=r"ACL refuses a command, a key or the channel"):
            RedisExchange(url, "other-prefix").raise_number(8, 5)
        with Redis.from_url(url) as client:
            for command in ("PUBLISH other x", "GET other", "KEYS *", "CONFIG GET *", "FLUSHALL", "EVAL x 0"):
                with pytest.raises(NoPermissionError):
                    client.execute_command(*command.split())
        assert PASSWORD not in caplog.text


OF_A_CONNECTION = {"discard", "ping", "select", "subscribe", "unsubscribe"}
"""Commands that touch no data. Some are needed only with a database's number, or after an error."""


def test_the_shipped_acl_allows_no_command_that_is_not_used(redis, tmp_path):
    redis.client.config_resetstat()
    with Host("pool-1", tmp_path, redis.url, modems(range(3))):
        until_expected(redis.url, "pool-1")
        take(front(redis.url))
        kept_union(front(redis.url))
        # A host that keeps its name renews it.
        exchange(redis.url).hold("pool-1", "pool-1")
    allowed = set(re.findall(r" \+(\w+)", (DEPLOY / "redis/users.acl").read_text()))
    used = {name.removeprefix("cmdstat_") for name in redis.client.info("commandstats")}
    assert allowed - used <= OF_A_CONNECTION


def shipped_options(directory, port):
    """Return the shipped settings for TLS and memory, with the test's files and port."""
    text = (DEPLOY / "redis/redis.conf").read_text()
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    settings = {name: value.strip('"') for name, value in lines} | {"tls-port": str(port)}
    assert settings["port"] == "0"
    settings = {name: re.sub("^/etc/redis/tls", str(directory), value) for name, value in settings.items()}
    del settings["aclfile"], settings["port"]
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def make_certificates(directory) -> None:
    """Make a certificate authority and a server's certificate, as docs/several-hosts.md says."""
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-x509", *new, "-days", "2", "-subj", "/CN=fleet", "-keyout", "ca.key", "-out", "ca.crt"]
    server = [
        *("-x509", *new, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
    ]
    for arguments in (authority, server):
        subprocess.run(["openssl", "req", *arguments], check=True, capture_output=True, cwd=directory)
