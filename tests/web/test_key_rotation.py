"""A key is replaced while the marketplace goes on asking: real gunicorn, a real key file."""

from __future__ import annotations

from streams import ask_with, reload, stream


def test_a_key_is_replaced_without_a_request_refused_or_lost(start_gunicorn, tmp_path):
    file = tmp_path / "keys"
    file.write_text("old-key\n")
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(file))
    assert (ask_with(server, "old-key").status, ask_with(server, "new-key").status) == (200, 401)

    with stream(server, "old-key") as before:
        file.write_text("old-key\nnew-key\n")
        reload(server)
        assert (ask_with(server, "old-key").status, ask_with(server, "new-key").status) == (200, 200)

    with stream(server, "new-key") as after:
        file.write_text("new-key\n")
        reload(server)
        assert (ask_with(server, "old-key").status, ask_with(server, "new-key").status) == (401, 200)

    assert set(before) == set(after) == {200}
    assert min(before[200], after[200]) > 20


def test_header_and_body_may_hold_different_valid_keys(start_gunicorn, tmp_path):
    file = tmp_path / "keys"
    file.write_text("old-key\nnew-key\n")
    server = start_gunicorn(RENT_API_KEY="", RENT_API_KEY_FILE=str(file))

    body = b'{"action": "GET_SERVICES", "key": "new-key"}'
    answer = server.request("POST", "/getServicesRent", body, {"Authorization": "Bearer old-key"})

    assert answer.status == 200
