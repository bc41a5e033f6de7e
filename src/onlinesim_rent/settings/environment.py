"""Reads described variables from a process's environment, and collects everything that is wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from onlinesim_rent.configuration_error import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Value = TypeVar("Value")

_USER_AND_PASSWORD = re.compile(r"(?<=://)[^\s,'\"]*@")
_QUERY = re.compile(r"(://[^\s,'\"?]*\?)[^\s,'\"]+")


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, described for people.

    ``default`` is the value of a variable that is not set. Where there is no fixed default it is empty, and
    ``if_unset`` says in words what holds instead. ``example`` is a right value. The value of a variable that
    ``is_secret`` is never shown.
    """

    name: str
    meaning: str
    default: str = ""
    if_unset: str = ""
    example: str = ""
    is_secret: bool = False

    @property
    def assignment(self) -> str:
        """A right line for a shell or for a file of variables."""
        return f"{self.name}={self.example or self.default}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What holds for one variable, for people: no secret is in it.

    ``value`` is empty if nothing is set. ``origin`` says in words where the value comes from.
    """

    name: str
    value: str
    origin: str
    is_wrong: bool


class Environment:
    """The environment of a process. A variable with an empty value counts as not set.

    A wrong value does not raise at once: ``finish`` names all of them in one message.
    """

    def __init__(self, variables: Iterable[Variable], values: Mapping[str, str]) -> None:
        self.values = {name: value.strip() for name, value in values.items()}
        self.problems: list[str] = []
        self._variables = {variable.name: variable for variable in variables}
        self._wrong: set[str] = set()
        self._explained: dict[str, tuple[str, str]] = {}

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

    def refuse(self, problem: str, *, instead: str, wrong: Iterable[str] = ()) -> None:
        """Collect a problem, with the example of the variable ``instead``.

        ``wrong`` are the variables that have the problem, if they are others.
        """
        example = self._variables[instead].assignment
        self.collect(f"{problem}; for example {example}", *(wrong or [instead]))

    def collect(self, problem: str, *wrong: str) -> None:
        """Collect a problem of some variables."""
        self.problems.append(masked(problem))
        self._wrong.update(wrong)

    def explain(self, name: str, value: str, origin: str) -> None:
        """Set what people are told of a variable, if it is not what is set: a choice, or a number of keys."""
        self._explained[name] = (value, origin)

    def readings(self) -> list[Reading]:
        """Return what holds for each described variable, in their order."""
        return [
            Reading(name, *self._shown(variable), is_wrong=name in self._wrong)
            for name, variable in self._variables.items()
        ]

    def unknown(self, prefix: str) -> Iterator[str]:
        """Name each variable that begins with ``prefix`` and is not described, but never its value."""
        for name in sorted(self.values):
            if name.startswith(prefix) and name not in self._variables:
                nearest = get_close_matches(name.upper(), self._variables, n=1)
                hint = f"; the nearest setting is {nearest[0]}" if nearest else ""
                yield f"{name} is not a setting of this release and is ignored{hint}"

    def finish(self) -> None:
        """Raise ConfigurationError if any value was wrong."""
        if self.problems:
            raise ConfigurationError("\n  ".join(["the settings are wrong:", *self.problems]))

    def _shown(self, variable: Variable) -> tuple[str, str]:
        """Return the value and its origin."""
        value = self.values.get(variable.name, "")
        if variable.name in self._explained:
            return self._explained[variable.name]
        if value:
            return "hidden" if variable.is_secret else masked(value), "environment"
        return variable.default, "default" if variable.default else "not set"


def masked(text: str) -> str:
    """Hide the user, the password and the query of each URL in a text."""
    return _QUERY.sub(r"\1***", _USER_AND_PASSWORD.sub("***@", text))
