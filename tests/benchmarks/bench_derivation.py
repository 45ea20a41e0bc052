"""The derivations of the book against SymPy alone: is the difference of the two sides zero?

Run ``python tests/benchmarks/bench_derivation.py [--quick | --record]``. Each derivation cell runs
once; the seconds are the processor's, and hold all steps of the cell. The peer is what one
would do without the engine: write the two sides out, for the largest of the sizes (3 where the
proof is for all of them), carry the integrals out, and ask ``sympy.simplify`` whether the
difference is 0, in a given time. Its task is easier: one of the cases that the engine decides, with
recursions, paths and matrices already written out by the engine. Printed are all equations: "none"
says that SymPy ended without an answer, ">" that it did not end. A row holds those of a page that
SymPy can be asked about, and how many of them it proves; where it did not end, the time it was
given counts, so that the ratio is at least the one shown.
"""

import sys
import time
from pathlib import Path

import sympy
from _report import Report, main
from sympy.core.cache import clear_cache

sys.path.append(str(Path(__file__).resolve().parents[1] / "shared"))

from derivation_cells import BOOK, run_cells

from lib.derivation import Result, Unsupported
from lib.derivation.domain import ingredients, instances
from lib.derivation.evaluate import Evaluator, Scope
from lib.derivation.integrals import Integral
from lib.derivation.matrix_normal import entry_sides
from lib.derivation.symbolic import Symbolic
from lib.derivation.timing import TookTooLong, within

PARTS = ("reference/decided", "sequences", "kernels", "attention", "dynamics")
QUICK = "reference/decided/nystrom"
PEER, LIMIT, QUICK_LIMIT = "simplify", 2.0, 1.0
TRIAL_SIZE, MOST_SIZE = 3, 9
NOTE = (
    "Times are those of the processor. A row holds the equations of a page that SymPy can "
    "be asked about, one case of each, written out; where it did not end, the time that it "
    "was given counts, so that the ratio is at least the one shown."
)


def difference(result: Result) -> sympy.Expr:
    """The difference of the two ends of a derivation, written out for its largest sizes."""
    sides = entry_sides("==", *result.sympy)
    found = ingredients(*sides, where=result.conditions)
    stated = {name: max(values) for name, values in result.sizes.items()}
    chosen = {name: (stated.get(str(name), TRIAL_SIZE),) for name in found.sizes}
    case = next(instances(found, chosen), None)
    if case is None:  # no such size in the domain: the smallest that is
        chosen = {name: tuple(range(1, MOST_SIZE)) for name in found.sizes}
        case = next(instances(found, chosen))
    evaluator, scope = Evaluator(Symbolic(), case.sizes), Scope(case.bindings)
    left, right = (evaluator.value(side, scope) for side in sides)
    return left - right


def by_sympy(result: Result, limit: float) -> tuple[float, str]:
    """Processor seconds of `simplify`, and what came of it: "" yes, ">" it did not end, "none"."""
    if result.kind != "derivation" or result.conclusion.relation != "==":
        return 0.0, ""
    try:
        written = within(limit, lambda: difference(result))
    except (Unsupported, TookTooLong):
        return 0.0, ""
    clear_cache()
    started = time.process_time()
    try:
        zero = within(limit, lambda: sympy.simplify(carried_out(written))) == 0
        outcome = "" if zero else "none"
    except TookTooLong:
        outcome = ">"
    except (ValueError, TypeError, AttributeError, NotImplementedError):
        outcome = "none"
    return time.process_time() - started, outcome


def carried_out(expression: sympy.Expr) -> sympy.Expr:
    """The expression with SymPy's own integrals for those of the page."""
    return expression.replace(
        lambda part: isinstance(part, Integral),
        lambda part: sympy.Integral(part.body, tuple(part.args[1])).doit(),
    )


def page_of_results(report: Report, page: str, limit: float) -> None:
    """Print the equations of a page, and add their row."""
    clear_cache()
    report.say(f"{page}: label, standing, our seconds, SymPy's, means")
    ours, theirs, proved = [], [], 0
    for result, seconds in list(run_cells(page)):
        peer, outcome = by_sympy(result, limit)
        means = "; ".join(dict.fromkeys(step.means for step in result.steps))
        told = f"{peer:8.2f}{outcome:>5}" if peer else f"{'–':>8}{'':5}"
        report.say(f"{result.label:38}{result.standing:18}{seconds:8.2f}{told}  {means}")
        if peer:
            ours.append(seconds)
            theirs.append(peer)
            proved += not outcome
    if ours:
        case = f"{page}: SymPy proves {proved} of {len(ours)}"
        report.add(case, PEER, sum(ours), sum(theirs))


def measure(report: Report) -> None:
    found = [path for part in PARTS for path in sorted((BOOK / part).glob("*.md"))]
    pages = [path.relative_to(BOOK).with_suffix("").as_posix() for path in found]
    limit = QUICK_LIMIT if report.quick else LIMIT
    for page in [QUICK] if report.quick else pages:
        page_of_results(report, page, limit)


if __name__ == "__main__":
    pages = [path for part in PARTS for path in (BOOK / part).glob("*.md")]
    sys.exit(main(measure, {PEER: "sympy"}, note=NOTE, sources=pages))
