"""One line of progress: on a terminal by tqdm, on a notebook page by a display that is replaced."""

import io
import sys
from typing import Any

from tqdm import tqdm


class _PageBar(tqdm):  # type: ignore[misc]
    """tqdm's line in one notebook output that each update replaces.

    Needs no widgets, so it looks the same in JupyterLab, VS Code, Colab and the built page, and
    the executed notebook keeps the last line only.
    """

    _shown: Any = None

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Show the present line; tqdm calls this whenever it would print."""
        from IPython.display import display

        content = {"text/plain": str(self) if msg is None else msg}
        if self._shown is None:
            self._shown = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._shown.update(content, raw=True)
        return True


def progress_bar(total: int, done: int, description: str, show: bool) -> "tqdm[Any]":
    """A bar for ``total`` steps of which ``done`` are made; silent where nobody could watch it.

    Args:
        total: All steps.
        done: Steps made in an earlier run.
        description: What stands before the bar.
        show: False for no bar at all.
    """
    options: dict[str, Any] = {"total": total, "initial": done, "desc": description, "unit": "step"}
    if show and _in_notebook():
        return _PageBar(**options, file=io.StringIO(), ncols=100, ascii=False, mininterval=0.5)
    # disable=None: tqdm is silent where the output is no terminal, as in a log file.
    return tqdm(**options, disable=None if show else True, dynamic_ncols=True)


def _in_notebook() -> bool:
    """Whether this process is a notebook's kernel; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
