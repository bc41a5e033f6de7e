"""The picture of the status page in docs/, which tools/status_picture.py takes."""

from __future__ import annotations

from servers import PROJECT

PICTURE = PROJECT / "docs/status.png"


def test_the_picture_is_small_enough_for_a_readme() -> None:
    content = PICTURE.read_bytes()

    assert content.startswith(b"\x89PNG\r\n")
    assert len(content) < 150_000
