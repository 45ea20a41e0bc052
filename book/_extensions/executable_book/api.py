"""Where the source of a documented function stands."""

import importlib
import inspect

from sphinx.application import Sphinx


def defining_module(app: Sphinx, module: str, attribute: str) -> str | None:
    """The module whose source holds the definition, for the [source] link beside it.

    A function may say that its home (``__module__``) is where it is imported from; its globals
    still are those of the module that defines it.
    """
    try:
        found: object = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return None
    function = inspect.unwrap(found) if callable(found) else found
    names = getattr(function, "__globals__", {})
    home = names.get("__name__")
    return str(home) if home else None
