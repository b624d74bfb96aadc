"""One way to add a source kind, an encoder, a voter or a strategy: a file with a registered class or function."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

from medsift.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """The named things of one room; the room's modules are imported at the first question, no list is kept.

    `noun` is what a person calls such a thing; `package` the room to look through. Modules whose name begins
    with an underscore are parts of others and register nothing.
    """

    def __init__(self, noun: str, package: str) -> None:
        self.noun = noun
        self.package = package
        self._entries: dict[str, T] = {}
        self._is_discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: put the class or function under `name`. A name taken twice raises `ValueError`."""

        def put(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.noun} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return put

    def get(self, name: str) -> T:
        """The entry of that name; raises `UsageError` naming all known ones."""
        self._discover()
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise UsageError(f"There is no {self.noun} {name!r}; known are: {known}.") from None

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._discover()
        return sorted(self._entries)

    def _discover(self) -> None:
        if self._is_discovered:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        self._is_discovered = True  # only now: a module that cannot be imported is loud at every question
