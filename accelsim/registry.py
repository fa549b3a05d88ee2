"""One open table per family: a member is a file with a decorator, found by itself.

A family (operators, topologies, cost models ...) owns one :class:`Registry`. At the first lookup the registry imports
every module of its package in sorted order, then the modules that outside packages announce under the entry-point
group ``accelsim.plugins``; their decorators fill the table. There is no central list to edit, and the path of an
outside package is the path of our own members.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from accelsim.errors import ConfigError
from accelsim.plugins import load_plugins

_MIN_PART = 3
#: More names than this are not listed whole in an error; the nearest are.
_MOST_LISTED, _NEAREST = 24, 8
#: Letters of a name that likeness is judged by.
_MAX_COMPARED = 100

T = TypeVar("T")
M = TypeVar("M")


def nearest_name(name: str, known: list[str]) -> str | None:
    """The known name that ``name`` was probably meant to be, or None when nothing is near.

    Case and the difference between ``-``, ``_`` and blanks are ignored, then small misspellings are matched, then a
    part of a name (``a100`` is near ``nvidia-a100``).

    Args:
        name: What was written.
        known: Names that exist.
    """
    folded = {_fold(candidate): candidate for candidate in reversed(known)}
    wanted = _fold(name)
    holders = [candidate for candidate in folded if all(word in candidate for word in _words(name))]
    hits = difflib.get_close_matches(wanted, holders, n=1, cutoff=0.6)
    hits = hits or difflib.get_close_matches(wanted, list(folded), n=1, cutoff=0.6)
    if not hits and len(wanted) >= _MIN_PART:
        hits = sorted(candidate for candidate in folded if wanted in candidate)
    return folded[hits[0]] if hits else None


def ranked_names(name: str, known: list[str]) -> list[str]:
    """All known names, nearest first: those that hold every word of ``name``, then by likeness, then as they are.

    Args:
        name: What was written.
        known: Names that exist.

    Examples:
        >>> ranked_names("h100", ["nvidia-a100-sxm", "nvidia-dgx-h100", "nvidia-h100-nvl"])
        ['nvidia-dgx-h100', 'nvidia-h100-nvl', 'nvidia-a100-sxm']
    """
    words = _words(name)

    def distance(candidate: str) -> tuple[bool, float]:
        folded = _fold(candidate)
        holds_all = bool(words) and all(word in folded for word in words)
        return not holds_all, -round(difflib.SequenceMatcher(None, _fold(name)[:_MAX_COMPARED], folded).ratio(), 1)

    return sorted(known, key=distance)


def known_names(name: str, known: list[str], lists: str = "") -> str:
    """``Known: ...`` for the text of an error: all names, or of many the nearest, and how the rest is listed.

    Args:
        name: What was written.
        known: Names that exist.
        lists: Command that lists them all.
    """
    ranked = ranked_names(name, known)
    if len(known) <= _MOST_LISTED:
        return f"Known: {', '.join(known if len(known) < _NEAREST else ranked) or 'none'}."
    rest = f"{len(known) - _NEAREST} more" + (f" ({lists})" if lists else "")
    return f"Known: {', '.join(ranked[:_NEAREST])} and {rest}."


def did_you_mean(name: str, known: list[str]) -> str:
    """`` Did you mean 'torus'?`` (with a leading blank) or an empty string: the tail of an error about a name.

    Args:
        name: What was written.
        known: Names that exist.
    """
    near = nearest_name(name, known)
    return f" Did you mean {near!r}?" if near is not None else ""


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[_/.:]", _fold(name)) if word]


def _fold(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


class Registry(Generic[T]):
    """Members of one family by name, discovered at first lookup.

    Not modelled: versions, priorities or overriding. A name belongs to one file; a second claim is an error.

    Args:
        family: What a member is called in messages, e.g. ``"topology"``.
        package: Dotted name of the package whose modules hold the members. It may be the package that also holds the
            registry: a module named ``base`` or starting with ``_`` is skipped.

    Examples:
        >>> shapes: Registry[type] = Registry("shape", "accelsim")
        >>> @shapes.register("circle")
        ... class Circle: ...
        >>> shapes.registered("circle") is Circle
        True
    """

    def __init__(self, family: str, package: str) -> None:
        self.family = family
        self.package = package
        self._members: dict[str, T] = {}
        self._discovered = False

    def __repr__(self) -> str:
        state = ", ".join(sorted(self._members)) if self._discovered else "not yet discovered"
        return f"Registry({self.family!r}: {state})"

    def __contains__(self, name: object) -> bool:
        self.discover()
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        self.discover()
        return len(self._members)

    def register(self, name: str) -> Callable[[M], M]:
        """Decorator that enters a class or function under ``name`` and returns it unchanged.

        Raises:
            ConfigError: The name is taken by another file; both files are named.
        """

        def enter(member: M) -> M:
            self.add(name, member)  # type: ignore[arg-type]
            return member

        return enter

    def add(self, name: str, member: T) -> None:
        """Enter ``member`` under ``name``; re-entering the same definition (a module reload) replaces it.

        Args:
            name: Name of the member.
            member: A class, a function or any other object; its file is told where names clash.

        Raises:
            ConfigError: The name is taken by another definition; both files are named.
        """
        if name in self._members and not _same_definition(self._members[name], member):
            first, second = _origin(self._members[name]), _origin(member)
            raise ConfigError(f"two members of {self.family} are named {name!r}: {first} and {second}. Rename one.")
        self._members[name] = member

    def registered(self, name: str) -> T:
        """Member entered so far, without discovery; for use while the family is still being imported."""
        return self._lookup(name)

    def get(self, name: str) -> T:
        """Member called ``name``.

        Raises:
            ConfigError: There is none; the text lists the known names and the nearest one.
        """
        self.discover()
        return self._lookup(name)

    def names(self) -> list[str]:
        """Names of all members, sorted."""
        self.discover()
        return sorted(self._members)

    def items(self) -> list[tuple[str, T]]:
        """``(name, member)`` pairs, sorted by name."""
        self.discover()
        return sorted(self._members.items(), key=lambda pair: pair[0])

    def origin(self, name: str) -> str:
        """``file:line`` where the member called ``name`` is defined."""
        return _origin(self.get(name))

    def discover(self) -> None:
        """Import the modules of the family's package and the plugins, once.

        Raises:
            ConfigError: A plugin cannot be imported, or two files claim one name.
        """
        if self._discovered:
            return
        self._discovered = True  # first, so that a member may look up its own family while it is imported
        try:
            _import_folder(self.package)
            load_plugins()
        except BaseException:
            self._discovered = False
            raise

    def _lookup(self, name: str) -> T:
        if name not in self._members:
            known = sorted(self._members)
            listed = ", ".join(known) if known else "none"
            raise ConfigError(f"unknown {self.family} {name!r}. Known: {listed}.{did_you_mean(name, known)}")
        return self._members[name]


def _import_folder(package_name: str) -> None:
    package = importlib.import_module(package_name)
    search_path = getattr(package, "__path__", None)
    if search_path is None:  # a family may also live in one module
        return
    for name in sorted(module.name for module in pkgutil.iter_modules(search_path)):
        if name != "base" and not name.startswith("_"):
            importlib.import_module(f"{package_name}.{name}")


def _same_definition(old: object, new: object) -> bool:
    """Whether ``new`` is ``old`` defined once more, as ``importlib.reload`` does."""
    if old is new:
        return True
    keys = [(getattr(x, "__module__", None), getattr(x, "__qualname__", None)) for x in (old, new)]
    return keys[0] == keys[1] and keys[0][1] is not None and "<locals>" not in keys[0][1]


def _origin(member: object) -> str:
    """``file:line`` of a class or function, or of its type for any other object."""
    target = member if inspect.isclass(member) or inspect.isroutine(member) else type(member)
    try:
        return f"{inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]}"
    except (TypeError, OSError):
        return getattr(target, "__module__", "<unknown file>")
