"""Every command in the README and in docs/ works as it is written.

Commands that a test elsewhere runs are listed with that test, those that cannot be run with the reason. The
others are run here. docs/agents.md and docs/sms-daemons.md have tests of their own, which run their scripts.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import PATIENCE_SECONDS, PROJECT, environment

from modem_simulator import SimulatedBank, live_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = str(Path(sys.executable).parent)
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
WITH_SCRIPTS = {"agents.md", "sms-daemons.md"}

_PROGRAMS = (
    "make|onlinesim-rent|[.]venv/bin/onlinesim-rent|curl|systemctl|journalctl|nginx|ln|ssh|usermod|promtool|"
    "export|eval|kill|[.]ci/run"
)
_COMMAND = re.compile(rf"(?:sudo |[A-Z_]+=\S+ )*(?:{_PROGRAMS})(?: .*|$)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

RUN_BY = {
    "make run": "console/test_cli.py::test_the_printed_curl_works_as_pasted_and_ctrl_c_ends_everything",
    "RENT_BIND=127.0.0.1:8001 make run": "console/test_cli.py::make_run",
    "curl -i http://127.0.0.1:8000/getServicesRent -H 'Authorization: Bearer demonstration-key' "
    '-H \'Content-Type: application/json\' -d \'{"action": "GET_SERVICES", "key": "demonstration-key"}\'': (
        "console/test_cli.py::test_the_printed_curl_works_as_pasted_and_ctrl_c_ends_everything"
    ),
    "make install": "deploy/test_deploy.py::test_install_puts_all_files_in_place_and_protects_secrets",
    "RENT_API_KEY=KEY-FROM-YOUR-ACCOUNT .venv/bin/onlinesim-rent check https://YOUR-HOST/getServicesRent": (
        "deploy/test_check_of_the_site.py::test_the_shipped_site_keeps_every_rule"
    ),
    "onlinesim-rent check https://YOUR-HOST/getServicesRent": (
        "deploy/test_check_of_the_site.py::test_the_shipped_site_keeps_every_rule"
    ),
    "onlinesim-rent check https://rent.example.com/getServicesRent": (
        "deploy/test_check_of_the_site.py::test_the_shipped_site_keeps_every_rule"
    ),
    "onlinesim-rent publish": (
        "hosts/test_hosts_as_processes.py::test_three_hosts_behind_one_url_give_the_exact_union"
    ),
    "onlinesim-rent check URL": "console/test_check.py",
    "onlinesim-rent census --watch": (
        "console/test_cli.py::test_watch_takes_one_census_after_another_until_ctrl_c"
    ),
    "onlinesim-rent simulate": (
        "docs/test_command_line.py::test_a_bank_alone_prints_its_ports_and_ctrl_c_ends_it"
    ),
    'eval "$(_ONLINESIM_RENT_COMPLETE=bash_source onlinesim-rent)"': (
        "docs/test_command_line.py::test_completion_in_bash_knows_the_commands_and_their_options"
    ),
    "promtool test rules onlinesim-rent.rules.test.yml": (
        "deploy/test_prometheus.py::test_promtool_accepts_what_is_shipped"
    ),
    "curl --fail http://127.0.0.1:8000/healthz": (
        "deploy/test_nginx.py::test_the_local_site_serves_only_health_and_metrics"
    ),
}

_NEEDS_SYSTEMD = "needs a running systemd; the units are tested in deploy/test_deploy.py"
_PORTS = "RENT_PORTS='/dev/serial/by-path/*'"
_MODEMS = "needs real modems; the same command on simulated ones is run here"

CANNOT_BE_RUN = {
    "make": "prints what CONTRIBUTING.md says",
    "make test": "would run itself",
    ".ci/run": "would run itself",
    "make bench": "takes minutes: a benchmark",
    "make hosts": "takes minutes: a benchmark",
    "make load": "takes minutes: a benchmark",
    f"{_PORTS} RENT_API_KEY=KEY-FROM-YOUR-ACCOUNT make run": _MODEMS,
    f"{_PORTS} .venv/bin/onlinesim-rent census": _MODEMS,
    "sudo usermod -aG dialout $USER": "would change this host's users",
    "usermod -aG onlinesim-rent USER": "would change this host's users",
    "sudo systemctl mask --now ModemManager": _NEEDS_SYSTEMD,
    "systemctl mask --now ModemManager": _NEEDS_SYSTEMD,
    "systemctl enable --now onlinesim-rent.socket onlinesim-rent.service": _NEEDS_SYSTEMD,
    "systemctl enable --now onlinesim-rent-publish": _NEEDS_SYSTEMD,
    "nginx -t && systemctl reload nginx": _NEEDS_SYSTEMD,
    "systemctl restart onlinesim-rent": _NEEDS_SYSTEMD,
    "systemctl reload": _NEEDS_SYSTEMD,
    "systemctl edit onlinesim-rent": _NEEDS_SYSTEMD,
    "systemctl status onlinesim-rent nginx": _NEEDS_SYSTEMD,
    "systemctl restart ser2net": _NEEDS_SYSTEMD,
    "systemctl status ser2net": _NEEDS_SYSTEMD,
    "journalctl -u onlinesim-rent": _NEEDS_SYSTEMD,
    "curl --unix-socket /run/onlinesim-rent.sock http://localhost/healthz": _NEEDS_SYSTEMD,
    "ln -s ../sites-available/onlinesim-rent /etc/nginx/sites-enabled/": "would change this host's nginx",
    "ssh -L 8000:127.0.0.1:8000 YOUR-HOST": "needs another host",
    "kill -9": "is part of a sentence",
    "curl": "is a word of a sentence",
    "onlinesim-rent": "is a word of a sentence",
    ".venv/bin/onlinesim-rent": "is a word of a sentence",
}


def commands_of(page: Path) -> Iterator[str]:
    """The commands of a page: lines of shell blocks, indented lines, and code within sentences."""
    text = page.read_text()
    if page.name not in WITH_SCRIPTS:
        for language, block in _FENCE.findall(text):
            if language == "sh":
                yield from (re.sub(r"\s{2,}#.*", "", line) for line in block.splitlines() if line)
    prose = _FENCE.sub("", text)
    indented = re.findall(r"^ {4,}(\S.*)$", prose, re.MULTILINE)
    quoted = re.findall(r"`([^`\n]+)`", prose)
    yield from (words for words in (*indented, *quoted) if _COMMAND.fullmatch(words))


COMMANDS = list(dict.fromkeys(command for page in PAGES for command in commands_of(page)))
RUN_HERE = [command for command in COMMANDS if command not in {*RUN_BY, *CANNOT_BE_RUN}]


def test_the_lists_hold_no_command_that_no_page_has():
    assert {*RUN_BY, *CANNOT_BE_RUN} <= set(COMMANDS)


@pytest.mark.parametrize("place", sorted(set(RUN_BY.values())))
def test_the_test_that_runs_a_command_is_there(place):
    file, _, name = place.partition("::")
    assert not name or f"def {name}(" in (PROJECT / "tests" / file).read_text()


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    directory = tmp_path_factory.mktemp("commands")
    (directory / "claims").mkdir()
    with SimulatedBank(live_bank(2, 0.0)) as bank:
        yield {
            "RENT_PORTS": bank.ports,
            "RENT_API_KEY": "secret-key",
            "RENT_RUNTIME_DIR": f"{directory}/runtime",
            "RENT_CLAIMS_DIR": f"{directory}/claims",
            # As much as a setting may grant: a busy host reads /proc slowly.
            "RENT_DEADLINE_SECONDS": "9.5",
        }


def test_the_commands_of_the_pages_work_as_written(variables):
    """In one shell and in their order: a claim is made before it is released."""
    there = {
        "/var/lib/onlinesim-rent/claims": variables["RENT_CLAIMS_DIR"],
        "/dev/ttyUSB3": variables["RENT_PORTS"].replace("*", "modem000"),
        "| jq ": "| cat # ",
    }
    script = ["set -e", f'PATH="{BIN}:$PATH"']
    for command in RUN_HERE:
        line = command.replace(".venv/bin/", "")
        for written, real in there.items():
            line = line.replace(written, real)
        script += [f"echo '$ {command.partition(' ')[2].replace(chr(39), '')}' >&2", line]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(RUN_HERE) > 10
