"""``onlinesim-rent check`` of the shipped site: TLS, nginx, gunicorn."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from commands import run
from marketplace import PATH
from proxies import Application, nginx

from onlinesim_rent.conformance.rules import RULES


@pytest.mark.needs("nginx", "openssl")
def test_the_shipped_site_keeps_every_rule():
    # Not pytest's own, whose name can be longer than a unix socket's may be (unix(7)).
    with TemporaryDirectory() as name:
        application = Application(Path(name))
        try:
            application.start()
            with nginx(Path(name)) as proxy:
                url = f"https://localhost:{proxy.port}{PATH}"
                checked = run("check", "--ca-file", str(proxy.certificate), url, RENT_API_KEY="secret-key")
        finally:
            application.close()
    assert checked.returncode == 0
    # The certificate of this test lives for two days.
    assert [line for line in checked.stdout.splitlines() if line.startswith("warning")] == [
        "warning  certificate          2 days left"
    ]
    assert (
        checked.stdout.splitlines()[-1] == f"{url}: 1 warning, {len(RULES) - 1} pass of {len(RULES)} rules."
    )
