"""The live floorplan in a notebook: an exploration behind a page that sends what was clicked and draws the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

import anywidget
import traitlets

from accelsim.errors import AccelsimError
from accelsim.exploration.floor import Changes, Exploration
from accelsim.exploration.history import Step
from accelsim.mapping.placement.placement import Placement

_FOLDER = Path(__file__).parent


class FloorplanWidget(anywidget.AnyWidget):
    """Floorplan, link loads and SRAM of a placement; click two groups and they change places, simulated at once.

    Front ends without widgets show the picture of :class:`Exploration` instead.

    Args:
        exploration: What is shown and changed; it stays the one to ask for figures.
    """

    _esm = _FOLDER / "widget.js"
    _css = _FOLDER / "widget.css"
    #: What is drawn; ``revision`` grows with every answer, so that the page knows that one came.
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, exploration: Exploration) -> None:
        super().__init__()
        self.exploration = exploration
        self._chip, self._revision = 0, 0
        self.on_msg(self._on_message)
        self._show()

    @property
    def now(self) -> Step:
        """As of :class:`Exploration`."""
        return self.exploration.now

    @property
    def placed(self) -> Step:
        """As of :class:`Exploration`."""
        return self.exploration.placed

    def placement(self) -> Placement:
        """As :meth:`Exploration.placement`."""
        return self.exploration.placement()

    def swap(self, first: str, second: str) -> None:
        """As :meth:`Exploration.swap`, and drawn.

        Args:
            first: Name of a group.
            second: Name of the other, on the same chip.
        """
        self._do(lambda: self.exploration.swap(first, second))

    def undo(self) -> None:
        """As :meth:`Exploration.undo`, and drawn."""
        self._do(self.exploration.undo)

    def change(self, **settings: Unpack[Changes]) -> None:
        """As :meth:`Exploration.change`, and drawn.

        Args:
            **settings: Those of :class:`Changes`.
        """
        self._do(lambda: self.exploration.change(**settings))

    def _do(self, action: Callable[[], None]) -> None:
        action()
        self._show()

    def _show(self, error: str = "") -> None:
        self._revision += 1
        self.view = {**self.exploration.view(self._chip), "error": error, "revision": self._revision}

    def _on_message(self, _: object, content: dict[str, Any], __: object) -> None:
        """What the page asks for; a refusal is shown there and leaves everything as it was."""
        try:
            match content:
                case {"do": "swap", "first": str(first), "second": str(second)}:
                    self.exploration.swap(first, second)
                case {"do": "undo"}:
                    self.exploration.undo()
                case {"do": "change", "settings": dict(settings)}:
                    rows, cols = settings.pop("rows", None), settings.pop("cols", None)
                    self.exploration.change(**settings, grid=None if rows is None else (rows, cols))
                case {"do": "chip", "chip": int(chip)}:
                    self._chip = chip
        except AccelsimError as refused:
            self._show(str(refused))
        else:
            self._show()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and the picture for front ends that have none."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "image/png": self.exploration.png(self._chip)}, metadata
