"""How keys are compared: each with every valid one, and in constant time."""

from __future__ import annotations

import hmac

import pytest
from marketplace import BODY, HEADERS

from onlinesim_rent.application import create_app
from onlinesim_rent.settings import Settings
from onlinesim_rent.web.authentication import is_one_of

KEYS = [b"first-key", b"secret-key", b"last-key"]


@pytest.fixture
def compared(monkeypatch) -> list[tuple[bytes, bytes]]:
    """The pairs that hmac.compare_digest was given; its time does not tell how alike they are."""
    pairs = []
    constant_time = hmac.compare_digest

    def compare_digest(given: bytes, key: bytes) -> bool:
        pairs.append((given, key))
        return constant_time(given, key)

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    return pairs


@pytest.mark.parametrize(
    ("given", "valid"), [(b"first-key", True), (b"last-key", True), (b"secret-kex", False), (b"", False)]
)
def test_a_key_is_compared_with_every_valid_one_in_constant_time(compared, given, valid):
    assert is_one_of(given, KEYS) is valid
    assert compared == [(given, key) for key in KEYS]


def test_header_and_body_are_both_compared_in_constant_time(compared, census, tmp_path):
    keys = tuple(key.decode() for key in KEYS)
    variables = {
        "RENT_API_KEY": " ".join(keys),
        "RENT_PORTS": "/dev/ttyUSB*",
        "RENT_RUNTIME_DIR": str(tmp_path),
    }
    settings = Settings.from_env(variables)
    answer = create_app(settings, census).test_client().post("/getServicesRent", data=BODY, headers=HEADERS)
    assert answer.status_code == 200
    assert compared == [(b"secret-key", key) for key in KEYS] * 2
