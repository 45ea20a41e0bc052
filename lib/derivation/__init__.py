"""Derivations whose every step is decided when it is written.

An author writes formulas in general form, with symbolic sizes; each step is proved for all sizes
where the engine can, else for the sizes that the author names, and a false step raises with a
counterexample. Results print themselves, are cited by label, and turn into numerical oracles.
"""

from .agreement import Agreement, agreement
from .answers import Assessment, assess
from .chain import Derivation, derive
from .errors import (
    DerivationError,
    Disagreement,
    FalseStep,
    NotFinite,
    OutOfRange,
    UndecidedStep,
    Undefined,
    Unsupported,
)
from .generating import coefficient
from .integrals import (
    expectation,
    exponential,
    integral,
    normal,
    normal_pair,
    uniform,
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
from .ordered import in_order, over, root
from .permutations import permutation, permutation_mean, permutation_sum, sample_mean
from .restated import restate
from .result import Conclusion, Result, Step
from .statements import cite_result, define
from .stationary import stationary
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
    "Assessment",
    "Conclusion",
    "Derivation",
    "DerivationError",
    "Disagreement",
    "FalseStep",
    "Index",
    "NotFinite",
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
    "assess",
    "basis",
    "block",
    "cite_result",
    "coefficient",
    "define",
    "derive",
    "determinant",
    "diag",
    "entrywise",
    "expectation",
    "exponential",
    "function",
    "gradient",
    "hadamard",
    "identity",
    "in_order",
    "index",
    "indicator",
    "integer",
    "integral",
    "inverse",
    "matrix",
    "matrix_exp",
    "max_over",
    "nonnegative",
    "normal",
    "normal_pair",
    "ones",
    "over",
    "partial",
    "path",
    "path_max",
    "path_sum",
    "permutation",
    "permutation_mean",
    "permutation_sum",
    "positive",
    "product_over",
    "real",
    "recursion",
    "replaced",
    "restate",
    "root",
    "sample_mean",
    "sizes",
    "softmax_rows",
    "squared_norm",
    "stationary",
    "sum_over",
    "trace",
    "uniform",
    "vector",
    "zeros",
]
