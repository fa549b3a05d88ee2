"""What outside packages bring: members of registries, and folders of configuration files.

A package announces modules under the entry-point group ``accelsim.plugins``; importing one enters its members by the
decorators that ours use.  Under ``accelsim.catalog`` it announces packages of its own that hold YAMLs, laid out like
ours (``chips/``, ``systems/``, ``models/`` ...); these are looked into, not imported, after all other folders.
"""

from __future__ import annotations

import logging
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PLUGIN_GROUP = "accelsim.plugins"
CATALOG_GROUP = "accelsim.catalog"

_LOG = logging.getLogger(__name__)


def plugin_points(group: str) -> tuple[EntryPoint, ...]:
    """What the packages on ``sys.path`` announce under a group, by name.

    Args:
        group: :data:`PLUGIN_GROUP` or :data:`CATALOG_GROUP`.
    """
    return _points(group, (*sys.path,))


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that announces it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"


def load_plugins() -> None:
    """Import every module that is announced.

    Raises:
        ConfigError: One cannot be imported, or ends the process; names the package.
    """
    for point in plugin_points(PLUGIN_GROUP):
        _LOG.debug("loading plugin %s = %s", point.name, point.value)
        try:
            point.load()
        except ConfigError as err:
            raise ConfigError(f"plugin {point.name!r} ({point.value}) of {package_of(point)}: {err}") from err
        except (Exception, SystemExit) as err:  # a plugin that exits would end a run in silence
            raise _broken(point, err) from err


def plugin_folders() -> tuple[Path, ...]:
    """Folders of configuration files that packages announce.

    Raises:
        ConfigError: One does not exist; names the package.
    """
    return tuple(_folder(point) for point in plugin_points(CATALOG_GROUP))


@lru_cache(4)
def _points(group: str, _import_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Looked up once per state of ``sys.path``, not once for each family."""
    from importlib.metadata import entry_points  # 60 ms that most start-ups never need

    return tuple(sorted(entry_points(group=group), key=lambda point: (point.name, point.value)))


def _folder(point: EntryPoint) -> Path:
    try:
        spec = find_spec(point.value)
    except (Exception, SystemExit) as err:
        raise _broken(point, err) from err
    places = spec.submodule_search_locations if spec is not None else None
    folder = next((Path(place) for place in places or () if Path(place).is_dir()), None)
    if folder is None:
        raise ConfigError(
            f"plugin {point.name!r} ({point.value}) of {package_of(point)}: {CATALOG_GROUP} names no package whose "
            "folder holds files. Write e.g. 'mine = \"my_package.files\"'."
        )
    return folder


def _broken(point: EntryPoint, err: BaseException) -> ConfigError:
    told = f": {err}" if str(err) else ""
    return ConfigError(
        f"plugin {point.name!r} ({point.value}) cannot be loaded: {type(err).__name__}{told}. "
        f"Fix or uninstall {package_of(point)}, which provides it."
    )
