"""Reads described variables from a process's environment, and collects everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from onlinesim_rent.configuration_error import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, described for people.

    ``default`` is the value of a variable that is not set. Where there is no fixed default it is empty, and
    ``if_unset`` says in words what holds instead. ``example`` is a right value.
    """

    name: str
    meaning: str
    default: str = ""
    if_unset: str = ""
    example: str = ""

    @property
    def assignment(self) -> str:
        """A right line for a shell or for a file of variables."""
        return f"{self.name}={self.example or self.default}"


class Environment:
    """The environment of a process. A variable with an empty value counts as not set.

    A wrong value does not raise at once: ``finish`` names all of them in one message.
    """

    def __init__(self, variables: Iterable[Variable], values: Mapping[str, str]) -> None:
        self.values = {name: value.strip() for name, value in values.items()}
        self._variables = {variable.name: variable for variable in variables}
        self._problems: list[str] = []

    def read(self, name: str, parse: Callable[[str], Value]) -> Value:
        """Parse a variable's value or, if it is not set, its default.

        ``parse`` raises ValueError with the words that follow the variable's name in the message. A wrong
        value is replaced by the example, so that reading goes on.
        """
        variable = self._variables[name]
        try:
            return parse(self.values.get(name) or variable.default)
        except ValueError as problem:
            self.refuse(f"{name} {problem}", instead=name)
            return parse(variable.example or variable.default)

    def refuse(self, problem: str, *, instead: str) -> None:
        """Collect a problem, with the example of the variable ``instead``."""
        self._problems.append(f"{problem}; for example {self._variables[instead].assignment}")

    def unknown(self, prefix: str) -> Iterator[str]:
        """Name each variable that begins with ``prefix`` and is not described, but never its value."""
        for name in sorted(self.values):
            if name.startswith(prefix) and name not in self._variables:
                nearest = get_close_matches(name.upper(), self._variables, n=1)
                hint = f"; the nearest setting is {nearest[0]}" if nearest else ""
                yield f"{name} is not a setting of this release and is ignored{hint}"

    def finish(self) -> None:
        """Raise ConfigurationError if any value was wrong."""
        if self._problems:
            raise ConfigurationError("\n  ".join(["the settings are wrong:", *self._problems]))
