"""The page about the command line, against the commands themselves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands import ONLINESIM_RENT, run
from servers import PATIENCE_SECONDS, PROJECT, Lines, environment

from onlinesim_rent.console import COMMANDS, main

PAGE = (PROJECT / "docs/command-line.md").read_text()
COMMAND = str(Path(sys.executable).with_name("onlinesim-rent"))


def test_the_page_lists_every_command():
    rows = PAGE[: PAGE.index("## Exit statuses")]
    assert set(re.findall(r"`([a-z]+)(?: URL)?`", rows)) >= set(COMMANDS)


# "claims" has no argument and no option.
@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"claims"}))
def test_the_help_of_a_command_teaches_by_example(name):
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command
    assert "Example" in command.get_help(context)


def test_the_list_of_commands_cuts_no_sentence():
    commands = run("--help", COLUMNS="80").stdout.partition("Commands:\n")[2].splitlines()
    assert len(commands) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands), commands


def test_completion_in_bash_knows_the_commands_and_their_options():
    script = (
        f'PATH="{os.path.dirname(COMMAND)}:$PATH"\n'
        'eval "$(_ONLINESIM_RENT_COMPLETE=bash_source onlinesim-rent)"\n'
        "COMP_WORDS=(onlinesim-rent ce) COMP_CWORD=1; _onlinesim_rent_completion onlinesim-rent\n"
        'echo "${COMPREPLY[@]}"\n'
        "COMP_WORDS=(onlinesim-rent census --de) COMP_CWORD=2 COMPREPLY=()\n"
        "_onlinesim_rent_completion onlinesim-rent\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    told = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["census", "--details"]


def test_a_wrong_command_line_ends_with_status_2():
    assert run("census", "--no-such-option").returncode == 2


def test_a_bank_alone_prints_its_ports_and_ctrl_c_ends_it():
    process = subprocess.Popen(
        [*ONLINESIM_RENT, "simulate"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    lines = Lines(process.stdout)
    try:
        ports = lines.until(r"RENT_PORTS='(.*)/\S+' RENT_API_KEY")[1]
        assert os.path.isdir(ports)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        lines.close()
    assert not os.path.exists(ports)


def test_a_bank_that_cannot_start_is_an_error_of_two_sentences():
    few_descriptors = ["sh", "-c", 'ulimit -n 24; exec "$@"', "sh", *ONLINESIM_RENT]
    refused = run("simulate", command=few_descriptors)
    assert (refused.returncode, refused.stdout) == (1, "")
    why, error = refused.stderr.splitlines()
    assert why.startswith("simulator: ")
    assert error == "Error: the simulator has ended; the line above says why"
