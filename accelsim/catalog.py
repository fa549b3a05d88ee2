"""Names to files: ``nvidia-a100-sxm-80gb`` to its YAML; the user's folders before the packaged ones, plugins' last."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accelsim.arguments import shown
from accelsim.errors import ConfigError
from accelsim.plugins import plugin_folders
from accelsim.registry import did_you_mean, known_names

PATH_VARIABLE = "ACCELSIM_PATH"
SUFFIXES = (".yaml", ".yml", ".json")
#: Files that describe the model of a checkpoint's folder; the first there is.
MODEL_FILES = ("config.json", "params.json")

_FOLDERS: Mapping[str, str] = {
    "chips": "hw_configs",
    "systems": "hw_configs",
    "optics": "hw_configs",
    "profiles": "hw_configs",
    "models": "workloads",
    "runs": "workloads",
    "traces": "workloads",
}


def _user_paths() -> tuple[Path, ...]:
    listed = os.environ.get(PATH_VARIABLE, "")
    return tuple(Path(part).expanduser() for part in listed.split(os.pathsep) if part)


def packaged_root() -> Path:
    """Folder that holds ``hw_configs/`` and ``workloads/``: inside an installed package, or the root of a checkout.

    Raises:
        ConfigError: Neither is there; the installation is incomplete.
    """
    package = Path(__file__).parent
    for root in (package / "_data", package.parent):
        if (root / "hw_configs").is_dir() and (root / "workloads").is_dir():
            return root
    raise ConfigError(f"{package}: hw_configs/ and workloads/ are missing. Reinstall accelsim.")


@dataclass(frozen=True)
class Catalog:
    """The files that names stand for.

    A name is looked up in ``paths``, then in the folders of the environment variable ``ACCELSIM_PATH``, then among the
    packaged files, then in the folders of outside packages (:mod:`accelsim.plugins`). A folder that is not ours may be
    laid out like ours (``hw_configs/chips/``), by kind (``chips/``) or flat.

    Attributes:
        paths: The user's folders, first wins.
        environment: Folders of ``ACCELSIM_PATH``, read once, when the catalog is made.
    """

    paths: tuple[Path, ...] = ()
    environment: tuple[Path, ...] = field(default_factory=_user_paths)

    def __init__(self, paths: Iterable[str | Path] = (), environment: Iterable[str | Path] | None = None) -> None:
        if isinstance(paths, str | Path) or not isinstance(paths, Iterable):
            raise ConfigError(f"catalog: paths is a list of folders, got {shown(paths)}. Write e.g. Catalog(['mine']).")
        object.__setattr__(self, "paths", tuple(Path(path).expanduser() for path in paths))
        listed = _user_paths() if environment is None else tuple(Path(path).expanduser() for path in environment)
        object.__setattr__(self, "environment", listed)

    def find(self, kind: str, name: str | Path) -> Path:
        """File of ``name``, or ``name`` itself when it is the path of a file, or the config in a checkpoint's folder.

        Args:
            kind: ``chips``, ``systems``, ``optics``, ``profiles``, ``models``, ``runs`` or ``traces``.
            name: A name without suffix, or a path.

        Raises:
            ConfigError: There is none; suggests the nearest name.
        """
        text = str(name)
        path = _model_of_folder(Path(text)) or Path(text)
        if _is_file(path) and (_looks_like_path(text) or self._named((kind,), text) is None):
            return path
        if (hit := self._named((kind,), text)) is not None:
            return hit[1]
        if _looks_like_path(text):
            raise ConfigError(f"{text}: no such file.{_near_file(Path(text))}")
        raise ConfigError(self._unknown((kind,), text))

    def find_any(self, kinds: Iterable[str], name: str | Path) -> tuple[str, Path]:
        """Kind and file of ``name``, looked up among several kinds in turn (a chip's name is a system of one).

        Args:
            kinds: Kinds in the order they are tried, e.g. ``("systems", "chips")``.
            name: A name without suffix, or a path; a path is of the first kind.

        Raises:
            ConfigError: No kind has it; the text lists the names of all kinds.
        """
        kinds = tuple(kinds)
        text = str(name)
        if (hit := self._named(kinds, text)) is not None:
            return hit
        if _is_file(Path(text)) or _model_of_folder(Path(text)) or _looks_like_path(text):
            return kinds[0], self.find(kinds[0], name)
        raise ConfigError(self._unknown(kinds, text))

    def _unknown(self, kinds: tuple[str, ...], name: str) -> str:
        known = [known for kind in kinds for known in self.names(kind)]
        what = " or ".join(kind.removesuffix("s") for kind in kinds)
        lists = ", ".join(f"accelsim show {kind}" for kind in kinds)
        return f"unknown {what} {name!r}. {known_names(name, known, lists)}{did_you_mean(name, known)}"

    def names(self, kind: str) -> list[str]:
        """Names of all files of a kind, sorted."""
        return sorted({path.stem for folder in self._folders(kind) for path in _files(folder)})

    def _named(self, kinds: Iterable[str], name: str) -> tuple[str, Path] | None:
        """The first kind and file of that name; packages are looked for only where no folder before them has it."""
        if not name or Path(name).name != name:
            return None
        kinds = tuple(kinds)
        candidates = [file for file in sorted((name, *(name + suffix for suffix in SUFFIXES))) if _has_suffix(file)]
        for of_plugins in (False, True):
            for kind in kinds:
                for folder in self._of_plugins(kind) if of_plugins else self._own(kind):
                    for path in (folder / file for file in candidates):
                        if _is_file(path):
                            return kind, path
        return None

    def _folders(self, kind: str) -> list[Path]:
        return [*self._own(kind), *self._of_plugins(kind)]

    def _own(self, kind: str) -> Iterator[Path]:
        yield from _laid_out((*self.paths, *self.environment), kind)
        yield packaged_root() / _group_of(kind) / kind

    def _of_plugins(self, kind: str) -> Iterator[Path]:
        return _laid_out(plugin_folders(), kind)


def _group_of(kind: str) -> str:
    if kind not in _FOLDERS:
        raise ConfigError(f"unknown kind {kind!r}. Known: {', '.join(_FOLDERS)}.{did_you_mean(kind, list(_FOLDERS))}")
    return _FOLDERS[kind]


def _laid_out(roots: Iterable[Path], kind: str) -> Iterator[Path]:
    """Folders of a kind within folders that are not ours."""
    group = _group_of(kind)
    for root in roots:
        yield from [folder for folder in (root / group / kind, root / kind) if folder.is_dir()] or [root]


def _files(folder: Path) -> list[Path]:
    """Configuration files of a folder, by name; an unreadable or missing folder has none."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def _model_of_folder(path: Path) -> Path | None:
    """The config of the checkpoint in a folder, if ``path`` is one."""
    inside = (path / name for name in MODEL_FILES)
    return next((file for file in inside if _is_file(file)), None)


def _has_suffix(name: str) -> bool:
    return Path(name).suffix in SUFFIXES


def _looks_like_path(text: str) -> bool:
    return Path(text).name != text or text.endswith(SUFFIXES)


def _near_file(path: Path) -> str:
    try:
        entries = sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return f" The folder {path.parent} does not exist."
    return did_you_mean(path.name, entries)
