"""The weekly workflow: its commands exist, and its last step says in an issue what failed."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

GH = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $2" in
  "issue list") echo "$OPEN" ;;
  *) for body; do :; done; test "$3" = --title && body=$6; cat "${body}" >> "$CALLS" ;;
esac
"""


@pytest.fixture
def workflow(root: Path) -> dict:
    return yaml.safe_load((root / ".github/workflows/weekly.yml").read_text("utf-8"))


@pytest.fixture
def steps(workflow: dict) -> dict[str, dict]:
    (job,) = workflow["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "name" in step}


def test_it_asks_for_the_newest_versions_with_the_commands_of_everyone(workflow, steps, root):
    assert workflow["env"]["CONSTRAINTS"] == ""
    makefile = (root / "Makefile").read_text("utf-8")
    assert "CONSTRAINTS ?=" in makefile  # an empty one in the environment counts
    targets = re.findall(r"\bmake (\w+)", " ".join(step.get("run", "") for step in steps.values()))
    assert targets == ["test", "verify"]
    assert all(f"\n{target}:" in makefile for target in targets)


@pytest.mark.parametrize("number", ["", "7"])
def test_a_failure_is_told_in_one_issue(workflow, steps, tmp_path: Path, number: str) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH, "utf-8")
    gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "verify.log").write_text("first\n" * 100 + "NOT VERIFIED: 1 difference\n", "utf-8")
    environment = os.environ | {
        "PATH": f"{gh.parent}{os.pathsep}{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"),
        "OPEN": number, "TITLE": workflow["env"]["TITLE"], "GITHUB_SERVER_URL": "https://example.org",
        "GITHUB_REPOSITORY": "some/one", "GITHUB_RUN_ID": "12",
    }  # fmt: skip
    shell = ["bash", "-eo", "pipefail", "-c", steps["Say so in an issue"]["run"]]
    subprocess.run(shell, cwd=tmp_path, env=environment, check=True, capture_output=True)
    calls = (tmp_path / "calls").read_text("utf-8")
    title = workflow["env"]["TITLE"]
    expected = f"issue comment {number} " if number else f"issue create --title {title} "
    assert f'issue list --state open --search in:title "{title}"' in calls
    assert expected in calls
    assert "https://example.org/some/one/actions/runs/12" in calls
    assert "NOT VERIFIED: 1 difference" in calls
    assert calls.count("first\n") == 79  # its end alone
    assert "tests.log" not in calls
