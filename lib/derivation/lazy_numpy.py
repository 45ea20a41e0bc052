"""NumPy for points that need it, imported at its first use: derivations need SymPy alone."""

import importlib
from typing import Any

from .errors import Unsupported


class _Lazy:
    """NumPy's functions, looked up at their first use."""

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(importlib.import_module("numpy"), name)
        except ModuleNotFoundError as error:
            raise Unsupported(
                "numbers of integrals, and of matrices that satisfy equations, need the package "
                "numpy: pip install numpy"
            ) from error


np: Any = _Lazy()
