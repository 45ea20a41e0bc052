"""What a result came from: the versions and the commit."""

import os
import platform
import subprocess
from importlib import metadata

_RECORDED = ("book/_runs", "book/_benchmarks")
_PACKAGES = {
    "lib": "derive-implement-train",
    "torch": "torch",
    "accelerate": "accelerate",
    "numpy": "numpy",
    "sympy": "sympy",
}


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a training's numbers depend on.

    >>> sorted(versions())
    ['accelerate', 'lib', 'numpy', 'python', 'sympy', 'torch']
    """
    found = {"python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str:
    """The commit that the working folder stands at, ``-dirty`` behind it if files have changed.

    Recorded runs and benchmarks themselves do not count as a change. The environment variable
    ``LIB_COMMIT`` says it where there is no git, as on a machine that was given the files alone.
    Empty if nothing is known.
    """
    stated = os.environ.get("LIB_COMMIT", "").strip()
    if stated:
        return stated
    head = _git("rev-parse", "--short=12", "HEAD")
    others = [f":(top,exclude){folder}" for folder in _RECORDED]
    changed = _git("status", "--porcelain", "--", ":/", *others)
    return f"{head}-dirty" if head and changed else head


def _git(*command: str) -> str:
    try:
        done = subprocess.run(
            ["git", *command], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
