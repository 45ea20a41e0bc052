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
from .matrices import (
    basis,
    block,
    determinant,
    diag,
    entrywise,
    gradient,
    hadamard,
    identity,
    inverse,
    matrix,
    matrix_exp,
    ones,
    softmax_rows,
    squared_norm,
    trace,
    vector,
    zeros,
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
    "basis",
    "block",
    "cite_result",
    "define",
    "derive",
    "determinant",
    "diag",
    "entrywise",
    "function",
    "gradient",
    "hadamard",
    "identity",
    "in_order",
    "index",
    "indicator",
    "integer",
    "inverse",
    "matrix",
    "matrix_exp",
    "max_over",
    "nonnegative",
    "ones",
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
    "softmax_rows",
    "squared_norm",
    "sum_over",
    "trace",
    "vector",
    "zeros",
]
