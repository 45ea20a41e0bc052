"""The project's own files agree with one another."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def requirements(root: Path, without: str = "") -> list[Requirement]:
    table = project(root)
    extras = table["optional-dependencies"]
    groups = [table["dependencies"], *(extras[name] for name in extras if name != without)]
    return [Requirement(line) for group in groups for line in group]


def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text().splitlines()
    rows = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 2 for row in rows), "every line of constraints.txt is NAME==VERSION"
    return {canonicalize_name(name): version for name, version in rows}


def test_every_requirement_is_pinned_within_its_range(root):
    pinned = pins(root)
    for requirement in requirements(root):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} of pyproject.toml is missing from constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement}, pinned {pinned[name]}"
        assert str(requirement.specifier), f"{name} has no range in pyproject.toml"


def test_torch_is_pinned_and_ranged_as_promised(root):
    torch = next(r for r in requirements(root) if r.name == "torch")
    assert (pins(root)["torch"], str(torch.specifier)) == ("2.13.0", ">=2.6")


@pytest.mark.skipif(
    os.environ.get("CONSTRAINTS") == "", reason="CONSTRAINTS= asks for the newest versions"
)
def test_what_runs_these_tests_is_what_is_pinned(root):
    from importlib import metadata

    pinned = pins(root)
    wrong = {}
    for requirement in requirements(root, without="benchmark"):  # peers: `make benchmark` has them
        name = canonicalize_name(requirement.name)
        installed = metadata.version(name).split("+")[0]
        if installed != pinned[name]:
            wrong[name] = (installed, pinned[name])
    assert not wrong, f"installed, pinned: {wrong}"


def test_conda_users_get_the_same(root):
    environment = yaml.safe_load((root / "environment.yml").read_text())
    table = project(root)
    (pip,) = [row["pip"] for row in environment["dependencies"] if isinstance(row, dict)]
    assert environment["name"] == table["name"]
    assert f"python {table['requires-python']}" in environment["dependencies"]
    assert "--constraint constraints.txt" in pip
    (editable,) = [line for line in pip if line.startswith("--editable")]
    extras = set(re.search(r"\[(.*)\]", editable).group(1).split(","))
    assert extras == set(table["optional-dependencies"]) - {"benchmark"}  # large peers


@pytest.mark.parametrize(
    ("given", "expected"), [("", "--constraint constraints.txt "), ("CONSTRAINTS=", "")]
)
def test_make_installs_every_extra_under_the_constraints_unless_told_otherwise(
    root, given, expected
):
    make = ["make", "--dry-run", "--always-make", *filter(None, [given]), "book", "benchmark"]
    outer = {"CONSTRAINTS", "MAKEFLAGS", "MAKEOVERRIDES"}  # of the `make test` that runs this
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(make, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"pip install --quiet +(.*?)(torch|--editable.*)\n", done.stdout)
    assert [options for options, _ in found] == [expected] * 3
    extras = re.findall(r"\.\[([a-z,]+)\]", " ".join(what for _, what in found))
    assert sorted(",".join(extras).split(",")) == sorted(project(root)["optional-dependencies"])


def toc_files(root: Path) -> set[str]:
    toc = yaml.safe_load((root / "_toc.yml").read_text())

    def walk(node):
        if isinstance(node, dict):
            yield from (node[key] for key in ("root", "file") if key in node)
            if "glob" in node:
                found = root.glob(node["glob"] + ".md")
                yield from (page.relative_to(root).with_suffix("").as_posix() for page in found)
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from walk(child)

    return set(walk(toc))


def test_the_table_of_contents_lists_the_pages_that_exist(root):
    pages = {
        path.relative_to(root).with_suffix("").as_posix()
        for path in (root / "book").rglob("*.md")
        if not any(part.startswith("_") for part in path.relative_to(root).parts)
    }
    assert toc_files(root) == pages


def test_a_chapter_its_module_and_its_tests_share_one_path(root):
    for name in toc_files(root):
        part = Path(name).relative_to("book")
        if len(part.parts) != 2 or part.parts[0] == "reference":
            continue
        assert (root / "lib" / part).with_suffix(".py").is_file()
        assert (root / "tests" / part.parts[0] / f"test_{part.name}.py").is_file()


@pytest.mark.parametrize("name", ["matplotlib", "sympy", "torch"])
def test_import_lib_alone_is_cheap(name):
    code = f"import lib, sys; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_imports_go_down_only(root):
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_import_rules_name_every_part(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {f"lib.{path.parent.name}" for path in (root / "lib").glob("*/__init__.py")}
    foundations = {"lib.derivation", "lib.training", "lib.datasets"}
    rules = {rule["name"]: rule for rule in settings["contracts"]}
    parts = rules["A part imports torch and nothing of the book's machinery"]["source_modules"]
    together = rules["The foundations do not import the parts, nor one another"]["modules"]
    assert set(parts) == packages - foundations
    assert set(together) == packages


def test_the_code_in_the_readme_runs(root, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), flags=re.S)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_the_make_targets_that_the_readme_names_exist(root):
    named = set(re.findall(r"\bmake ([a-z]+)\b", (root / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), flags=re.M))
    assert named
    assert named - {"are"} <= targets


def test_what_the_readme_links_to_exists(root):
    links = re.findall(r"\]\(([^)#]+)", (root / "README.md").read_text())
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (root / link).is_file()] == []
