"""The rooms of the package and the doors between them, as the README's architecture section draws them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import onlinesim_rent

PACKAGE = Path(onlinesim_rent.__file__).parent

# What each file may import beside the standard library. Data flows one way: nothing below imports HTTP.
MAY_IMPORT = {
    "configuration_error": set(),
    "environment": {"configuration_error"},
    "setting_values": set(),
    "settings": {"environment", "setting_values"},
    "errors": {"werkzeug"},
    "schemas": {"marshmallow", "networks"},
    "views": {"flask", "schemas", "errors", "settings", "census", "clock"},
    "networks.__init__": set(),
    "networks.tables": set(),
    "networks.names_file": {"configuration_error", "networks", "networks.tables"},
    "networks.home_network": {"networks", "networks.names_file", "networks.tables"},
    "census": {"networks.home_network"},
    "clock": {"errors"},
    "runtime_directory": {"errors"},
    "known_modules": {"census", "clock", "modem.ports.find", "runtime_directory"},
    "cache": {"census", "census_lock", "runtime_directory", "clock", "errors"},
    "census_lock": {"runtime_directory", "errors"},
    "journal": {"census"},
    "monitoring": {"flask", "prometheus_client", "shared_counts", "census"},
    "shared_counts": {"prometheus_client"},
    "serving.hooks": {"gunicorn"},
    "serving.request_log": {"gunicorn"},
    "serving.worker": {"gunicorn"},
    "serving.background_log": set(),
    "modem.v250": set(),
    "modem.ts27007": {"modem.v250"},
    "modem.foreign": {"census"},
    "modem.dialogue": {"modem.ts27007", "modem.v250", "modem.printable", "census"},
    "modem.conversation": {"modem.dialogue", "modem.v250", "modem.foreign", "census"},
    "modem.background": set(),
    "modem.printable": set(),
    "modem.statx": set(),
    "modem.holders": {"modem.printable", "modem.statx", "errors"},
    "modem.lock_files": {"modem.holders", "errors"},
    "modem.ports.serial_lines": set(),
    "modem.ports.find": {"modem.ports.serial_lines", "modem.holders"},
    "modem.ports.open": {"serial", "modem.ports.find", "modem.holders", "census"},
    "modem.system": {"modem.background", "modem.ports.find", "modem.ports.open", "census"},
    "modem.line": {"modem.conversation", "modem.dialogue", "modem.ports.find", "modem.ports.open", "census"},
    "modem.probing": {
        "modem.line",
        "modem.system",
        "modem.background",
        "modem.ports.find",
        "modem.ports.open",
        "census",
    },
    "modem.probe": {
        "modem.ports.find",
        "modem.ports.open",
        "modem.holders",
        "modem.lock_files",
        "modem.background",
        "modem.line",
        "modem.probing",
        "census",
        "errors",
    },
    "demonstration": {"click", "simulator"},
}
ONLY_USERS = {
    "serial": {"modem.ports.open"},
    "marshmallow": {"schemas"},
    "flask": {"application", "views", "monitoring"},
    "gunicorn": {"serving.hooks", "serving.request_log", "serving.worker"},
}


def _modules() -> dict[str, Path]:
    paths = PACKAGE.rglob("*.py")
    return {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}


def _imports(path: Path) -> set[str]:
    """What a file imports beside the standard library: packages by name, ours by their dotted path."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= _from(node)
    ours = {name.removeprefix("onlinesim_rent.") for name in names if name.startswith("onlinesim_rent.")}
    others = {name.partition(".")[0] for name in names if not name.startswith("onlinesim_rent")}
    return ours | {name for name in others if name not in sys.stdlib_module_names}


def _from(node: ast.ImportFrom) -> set[str]:
    assert node.module
    inner = {f"{node.module}.{alias.name}" for alias in node.names}
    known = {f"onlinesim_rent.{name}" for name in _modules()}
    return inner & known or {node.module}


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_room_imports_only_what_its_table_allows(module):
    assert _imports(_modules()[module]) <= MAY_IMPORT[module]


def test_every_room_stands_in_the_table():
    wiring = {
        "__init__",
        "__main__",
        "application",
        "modem.__init__",
        "modem.ports.__init__",
        "serving.__init__",
        "cli",
    }
    rooms = {name for name in _modules() if not name.startswith("simulator.")}
    assert rooms - wiring == set(MAY_IMPORT)


def test_the_simulator_imports_nothing_of_the_service_and_no_library():
    simulators = {name: path for name, path in _modules().items() if name.startswith("simulator.")}
    assert simulators
    for path in simulators.values():
        assert {name for name in _imports(path) if not name.startswith("simulator")} == set()


@pytest.mark.parametrize("library", ONLY_USERS)
def test_a_library_is_used_in_its_own_room_only(library):
    users = {name for name, path in _modules().items() if library in _imports(path)}
    assert users == ONLY_USERS[library]
