"""Redis as the place where hosts meet. No other file knows Redis.

The keys, after the prefix: ``raised`` (hash: seed, run, number, seconds, age), ``answered`` (hash: host to
its number), ``answer:HOST`` (what it has published), ``claims:HOST`` (its claims, kept for longer),
``name:HOST`` (who has the name) and ``seen`` (sorted set: host by Redis' own time). The channel is
``announced``.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from onlinesim_rent.hosts.answer import Asked, Raised
from onlinesim_rent.hosts.exchange import CLAIMS_SECONDS, HOLD_SECONDS, ExchangeError

OLDEST_VERSION = 7
"""The oldest major version of Redis."""

TIMEOUT_SECONDS = 1.0
"""How long one step may take: to connect, to send or to receive."""

DAY_SECONDS = 86_400

_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (redis.OutOfMemoryError, "Redis is full; raise maxmemory, or remove what other programs keep there"),
    (redis.ReadOnlyError, "this Redis is a read-only replica; name the server that may be written to"),
    (redis.AuthenticationError, "Redis refuses the user or the password; compare them with its ACL"),
    (
        redis.exceptions.NoPermissionError,
        "Redis' ACL refuses a command, a key or the channel; compare it with deploy/redis/users.acl",
    ),
    (redis.BusyLoadingError, "Redis is still loading its data; it will answer when it has ended"),
    (redis.TimeoutError, "Redis does not answer in time; look whether it hangs, or a firewall drops packets"),
    (redis.ConnectionError, "Redis cannot be reached; look whether it runs, and compare host, port and TLS"),
    (redis.RedisError, "Redis answers in a way that this release does not understand; is it Redis 7?"),
)
"""What each error means to a person. The first that fits is shown: subclasses stand before their classes."""


class RedisExchange:
    """The exchange in a Redis. Several threads may use it; only one of them may listen and wait."""

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = prefix
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=False,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # A second try would take as long again, and the next census is a second try.
            retry=Retry(NoBackoff(), 0),
            # Otherwise the client sends more commands than ours, and the ACL would have to allow them.
            protocol=2,
            driver_info=None,
        )
        self._announcements: PubSub | None = None

    # The front

    def raise_number(self, seconds: float, age: float) -> Raised:
        """Raise the number and announce it."""
        with _explained(), self._redis.pipeline(transaction=True) as steps:
            run = self._run()
            key = self._key("raised")
            steps.hsetnx(key, "seed", secrets.token_hex(8))
            steps.hincrby(key, "number", 1)
            steps.hset(key, mapping={"run": run, "seconds": seconds, "age": age})
            steps.hgetall(key)
            steps.info("server")
            steps.publish(self._key("announced"), "")
            *_, record, server, _ = steps.execute()
            if server["run_id"] != run:
                raise ExchangeError("RENT_REDIS_URL: Redis is failing over to another server; ask again")
            return _asked(record).raised

    def seen(self) -> tuple[str, ...]:
        """Return the hosts that were there in the last day, by Redis' own clock."""
        with _explained():
            since = self._now() - DAY_SECONDS
            return tuple(map(_text, self._redis.zrange(self._key("seen"), since, "+inf", byscore=True)))

    def there(self, hosts: Collection[str]) -> frozenset[str]:
        """Return those of the hosts that hold their names now."""
        return frozenset(self._several("name:", hosts))

    def answered(self, hosts: Collection[str]) -> Mapping[str, Raised]:
        """Return the number that each host has answered last."""
        with _explained():
            values = self._redis.hmget(self._key("answered"), list(hosts)) if hosts else []
            words = {host: _text(value).split() for host, value in zip(hosts, values, strict=True) if value}
            return {host: Raised(life, int(number)) for host, (life, number) in words.items()}

    def answers(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return the hosts' last answers."""
        return self._several("answer:", hosts)

    def kept(self, hosts: Collection[str]) -> Mapping[str, tuple[bytes, float]]:
        """Return the hosts' last answers, and for how many seconds each is kept."""
        with _explained(), self._redis.pipeline(transaction=True) as steps:
            for host in hosts:
                key = self._key(f"answer:{host}")
                steps.get(key)
                steps.pttl(key)
            values = steps.execute()
            answers = zip(hosts, values[::2], values[1::2], strict=True)
            return {host: (content, left / 1000) for host, content, left in answers if content is not None}

    def claims(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return the claims that the hosts told last."""
        return self._several("claims:", hosts)

    # The publisher

    def listen(self) -> None:
        """Hear announcements from now on, on a new connection."""
        with _explained():
            self._run()
            if self._announcements:
                self._announcements.close()
            self._announcements = self._redis.pubsub(  # type: ignore[no-untyped-call]
                ignore_subscribe_messages=True
            )
            self._announcements.subscribe(self._key("announced"))

    def wait(self, seconds: float) -> None:
        """Return when a number is announced, or after so many seconds."""
        with _explained():
            if self._announcements:
                self._announcements.get_message(timeout=max(seconds, 0.001))

    def hold(self, host: str, owner: str) -> bool:
        """Take or keep the host's name, and note when it was seen."""
        with _explained():
            name, milliseconds = self._key(f"name:{host}"), int(HOLD_SECONDS * 1000)
            if not self._redis.set(name, owner, nx=True, px=milliseconds):
                if self._redis.get(name) != owner.encode():
                    return False
                self._redis.pexpire(name, milliseconds)
            now, seen = self._now(), self._key("seen")
            self._redis.zadd(seen, {host: now})
            self._redis.zremrangebyscore(seen, "-inf", now - DAY_SECONDS)
            return True

    def asked(self) -> Asked | None:
        """Return the last number and what is asked with it."""
        with _explained():
            record = self._redis.hgetall(self._key("raised"))
            return _asked(record) if record else None

    def store(self, host: str, raised: Raised, content: bytes, seconds: float, claims: bytes = b"") -> None:
        """Store a host's answer to a number, and its claims if they are given."""
        with _explained(), self._redis.pipeline(transaction=True) as steps:
            steps.set(self._key(f"answer:{host}"), content, px=int(seconds * 1000))
            if claims:
                steps.set(self._key(f"claims:{host}"), claims, px=int(CLAIMS_SECONDS * 1000))
            steps.hset(self._key("answered"), host, f"{raised.life} {raised.number}")
            steps.expire(self._key("answered"), DAY_SECONDS)
            steps.execute()

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _several(self, kind: str, hosts: Collection[str]) -> dict[str, bytes]:
        with _explained():
            values: list[Any] = self._redis.mget([self._key(kind + host) for host in hosts]) if hosts else []
            return {host: value for host, value in zip(hosts, values, strict=True) if value is not None}

    def _now(self) -> int:
        return int(self._redis.time()[0])

    def _run(self) -> str:
        """Return the identity of the running server. A restart and a failover change it."""
        server = self._redis.info("server")
        version = str(server["redis_version"])
        if int(version.partition(".")[0]) < OLDEST_VERSION:
            raise ExchangeError(
                f"RENT_REDIS_URL: Redis {OLDEST_VERSION} or newer is needed; this is {version}"
            )
        return str(server["run_id"])


def _asked(record: Mapping[Any, Any]) -> Asked:
    """Read what is asked. A Redis that was emptied has a new seed; one that was restarted has a new run."""
    values = {_text(name): _text(value) for name, value in record.items()}
    raised = Raised(f"{values['run']}:{values['seed']}", int(values["number"]))
    return Asked(raised, float(values["seconds"]), float(values["age"]))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn each error of the client into a sentence: its own text could quote a key or an address."""
    try:
        yield
    except redis.RedisError as error:
        reason = next(text for kind, text in _TROUBLES if isinstance(error, kind))
        raise ExchangeError(f"RENT_REDIS_URL: {reason}") from error
    except OSError as error:
        raise ExchangeError(f"RENT_REDIS_URL: Redis cannot be reached: {error.strerror}") from error
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ExchangeError(
            "RENT_REDIS_URL: the keys of RENT_REDIS_PREFIX hold what this release did not write; "
            "choose another prefix, or remove them"
        ) from error
