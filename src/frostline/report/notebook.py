"""What Python gives to look at: words where it is printed, a page in a notebook."""

import html
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, final

from rich.console import Console

from frostline.disk import publish_bytes

Value = TypeVar("Value")
_HEIGHT = 640  # pixels of a page in a notebook, which scrolls


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Shown(Generic[Value]):
    """A result that can be printed, looked at in a notebook, and saved as a page."""

    value: Value  # What was found
    print_to: Callable[[Console], None]
    as_page: Callable[[], str]  # One HTML file that needs nothing else

    def __repr__(self) -> str:
        """What the terminal shows."""
        raw = io.StringIO()
        self.print_to(Console(file=raw, width=100, highlight=False, force_jupyter=False))
        return "\n".join(line.rstrip() for line in raw.getvalue().rstrip().split("\n"))

    def _repr_html_(self) -> str:
        """The page in a frame of its own: no script runs in it, it asks for nothing, its styles stay inside."""
        inner = html.escape(self.as_page(), quote=True)
        return f'<iframe sandbox srcdoc="{inner}" style="width:100%;height:{_HEIGHT}px;border:0"></iframe>'

    def save(self, path: str | Path) -> None:
        """Write the page into an .html file, replacing what is there."""
        publish_bytes(Path(path), self.as_page().encode("utf-8"))
