"""`lib.derivation` with SymPy and mpmath alone: no NumPy, torch or IPython beside it."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ISOLATE = """
import sys

class Blocked:
    # Everything but the standard library, SymPy, mpmath and the library itself is not installed.
    known = {*sys.stdlib_module_names, "sympy", "mpmath", "lib"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.known:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run(program: str) -> str:
    """What the program prints in an interpreter that has SymPy and mpmath alone."""
    # Site-packages' .pth files run before the hook, so what they import is dropped first.
    drop = "for name in {'numpy', 'torch', 'IPython'} & set(sys.modules): del sys.modules[name]\n"
    code = ISOLATE + drop + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_isolation_isolates():
    out = run(
        """
        for name in ("numpy", "torch", "IPython", "matplotlib", "yaml"):
            try:
                __import__(name)
                print("there:", name)
            except ModuleNotFoundError:
                pass
        """
    )
    assert out == ""


def test_a_worked_derivation_needs_sympy_alone():
    out = run(
        r"""
        from sympy import exp, log
        from lib.derivation import (
            DerivationError, FalseStep, array, assess, cite_result, define, derive, index,
            partial, real, sizes, sum_over,
        )
        N = sizes("N")
        n, s = index("n", 1, N), array("s", N)
        Z = sum_over(exp(s[n]), n)
        result = (
            derive(partial(log(Z), s[n]), sizes={N: (1, 2, 3)})
            .equals(exp(s[n]) / Z, because="the chain rule for $\\log$")
            .named("alone-softmax", "The gradient of log-sum-exp is softmax")
        )
        result.show()
        define("alone-loss", real("L"), log(Z) - s[n]).show()
        bundle = result._repr_mimebundle_()
        assert set(bundle) >= {"text/markdown", "text/plain"}, sorted(bundle)
        assert "sum" in result.latex()
        try:
            derive(partial(log(Z), s[n]), sizes={N: (2,)}).equals(exp(s[n]), because="forgotten")
        except FalseStep as error:
            print("refused:", "your" not in str(error))
        print(assess(exp(s[n]), result).message[:6], assess(exp(s[n]) / Z, result).right)
        print(assess([1, 2], [2, 1]).message[-40:])
        import sys
        print("lazy:", not {"numpy", "torch", "IPython"} & set(sys.modules))
        """
    )
    assert "log-sum-exp is softmax" in out
    assert "refused: True" in out
    assert "True" in out.splitlines()[-3]
    assert "another order" in out
    assert out.splitlines()[-1] == "lazy: True"


@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_an_oracle_names_the_package_that_it_needs(package):
    out = run(
        f"""
        from lib.derivation import define, real
        x = real("x")
        oracle = define("alone-square", real("y"), x**2).{package}()
        try:
            oracle(x=3.0)
        except ModuleNotFoundError as error:
            print(error, "|", error.name)
        """
    )
    assert f"needs the package {package}: pip install {package}" in out
    assert out.strip().endswith(f"| {package}")


def test_an_agreement_names_the_package_that_it_needs():
    out = run(
        """
        from lib.derivation import agreement, define, real
        x = real("x")
        square = define("alone-square", real("y"), x**2)
        try:
            agreement(square, lambda v: v * v, [({"x": 3.0}, (3.0,))], tolerance=0, name="square")
        except ModuleNotFoundError as error:
            print(error)
        """
    )
    assert "needs the package numpy" in out


def test_exercises_and_prose_work_without_a_notebook():
    out = run(
        """
        from lib.derivation import real
        from lib.page import check, say
        x = real("x")
        check(x * x, equals=x**2)
        check(2 * x, equals=x**2, hint="differentiate")
        say("**done**")
        """
    )
    assert out.startswith("Right.\nNot yet.")
    assert out.endswith("A hint: differentiate\ndone\n")


def test_the_page_needs_no_sympy():
    out = run("import sys; Blocked.known -= {'sympy', 'mpmath'}; import lib.page; print('ok')")
    assert out == "ok\n"


def test_importing_the_engine_imports_neither_numpy_nor_torch():
    code = (
        "import sys, lib.derivation; "
        "print(sorted({'numpy', 'torch', 'matplotlib', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
