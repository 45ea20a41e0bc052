"""Derivations whose every step is decided when it is written.

An author writes formulas in general form, with symbolic sizes; each step is proved for all sizes
where the engine can, else for the sizes that the author names, and a false step raises with a
counterexample. Results print themselves, are cited by label, and turn into numerical oracles.
"""

from .agreement import Agreement, agreement
from .chain import Derivation, derive
from .errors import (
    DerivationError,
    Disagreement,
    FalseStep,
    OutOfRange,
    UndecidedStep,
    Undefined,
    Unsupported,
)
from .names import Abbreviation, Recursion, abbreviation, recursion
from .operators import (
    indicator,
    max_over,
    partial,
    path_max,
    path_sum,
    product_over,
    replaced,
    sum_over,
)
from .oracle import Oracle
from .ordered import in_order, over
from .restated import restate
from .result import Conclusion, Result, Step
from .statements import cite_result, define
from .symbols import (
    Index,
    Path,
    array,
    function,
    index,
    integer,
    nonnegative,
    path,
    positive,
    real,
    sizes,
)

__all__ = [
    "Abbreviation",
    "Agreement",
    "Conclusion",
    "Derivation",
    "DerivationError",
    "Disagreement",
    "FalseStep",
    "Index",
    "Oracle",
    "OutOfRange",
    "Path",
    "Recursion",
    "Result",
    "Step",
    "UndecidedStep",
    "Undefined",
    "Unsupported",
    "abbreviation",
    "agreement",
    "array",
    "cite_result",
    "define",
    "derive",
    "function",
    "in_order",
    "index",
    "indicator",
    "integer",
    "max_over",
    "nonnegative",
    "over",
    "partial",
    "path",
    "path_max",
    "path_sum",
    "positive",
    "product_over",
    "real",
    "recursion",
    "replaced",
    "restate",
    "sizes",
    "sum_over",
]
