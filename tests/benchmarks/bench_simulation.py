"""Exact simulation against GillesPy2's C++ solver: ten thousand trajectories.

Run ``python tests/benchmarks/bench_simulation.py [--quick | --record]``; it needs gillespy2 and a
C++ compiler. GillesPy2 compiles a program for each model, which is not timed; handing its results
to Python is, as a reader waits for that too, and few times are asked for so that it does not weigh
much. The results of both are random: their means may differ by five standard errors.
"""

import os
import sys
import sysconfig
from collections.abc import Mapping
from typing import NamedTuple

import gillespy2
import numpy as np
import torch
from _report import Report, main
from _timing import medians
from torch import Tensor

from lib.dynamics.reaction_network import Reaction, ReactionNetwork
from lib.dynamics.stochastic_simulation import simulate

PEER, GOAL = "GillesPy2", 2.0
TRAJECTORIES = 10_000
NOTE = "The results are random: the difference of the means at the end is in standard errors."


class Case(NamedTuple):
    start: Mapping[str, int]
    reactions: Mapping[str, float]
    duration: float
    shown: str  # the species that is compared


CASES = {
    "immigration and death": Case({"A": 0}, {"0 -> A": 50.0, "A -> 0": 1.0}, 10.0, "A"),
    "telegraph": Case(
        {"Off": 1, "On": 0, "M": 0},
        {"Off -> On": 1.0, "On -> Off": 2.0, "On -> On + M": 50.0, "M -> 0": 1.0},
        10.0,
        "M",
    ),
    "epidemic": Case({"S": 254, "I": 7, "R": 0}, {"S + I -> 2 I": 0.02, "I -> R": 3.2}, 4.0, "R"),
    "enzyme": Case(
        {"E": 30, "S": 300, "C": 0, "P": 0},
        {"E + S -> C": 0.02, "C -> E + S": 0.5, "C -> E + P": 1.0},
        8.0,
        "P",
    ),
}


def ours(case: Case, seed: int) -> Tensor:
    network = ReactionNetwork(
        list(case.start), [Reaction(*item) for item in case.reactions.items()]
    )
    start = torch.tensor(list(case.start.values()))
    generator = torch.Generator().manual_seed(seed)
    times = [case.duration / 2, case.duration]
    return simulate(network, start, times, TRAJECTORIES, generator)[-1]


def model_of_peer(name: str, case: Case) -> gillespy2.Model:
    """Write a case for GillesPy2, with propensities as formulas, so that both mean the same."""
    model = gillespy2.Model(name=name.replace(" ", "_"))
    model.add_species(
        [gillespy2.Species(name=s, initial_value=n, mode="discrete") for s, n in case.start.items()]
    )
    for number, (equation, rate) in enumerate(case.reactions.items()):
        read = Reaction(equation, rate)
        model.add_reaction(
            gillespy2.Reaction(
                name=f"r{number}",
                reactants=read.reactants,
                products=read.products,
                propensity_function="*".join([str(rate), *read.reactants]),
            )
        )
    model.timespan(gillespy2.TimeSpan(np.linspace(0, case.duration, 3)))
    return model


def events(case: Case) -> float:
    """Return the mean number of events of a trajectory: a species more counts them."""

    def counting(equation: str) -> str:
        return (
            equation.replace("-> 0", "-> Events") if "-> 0" in equation else equation + " + Events"
        )

    reactions = {counting(equation): rate for equation, rate in case.reactions.items()}
    watched = case._replace(start={**case.start, "Events": 0}, reactions=reactions)
    return ours(watched, 1)[:, -1].double().mean().item()


def compare(report: Report, name: str, case: Case) -> None:
    model = model_of_peer(name, case)
    solver = gillespy2.SSACSolver(model=model)

    def theirs() -> np.ndarray:
        results = model.run(solver=solver, number_of_trajectories=TRAJECTORIES, seed=1)
        return np.array([result[case.shown][-1] for result in results])

    rivals = {"peer": theirs, "ours": lambda: ours(case, 0)}
    times = medians(rivals, 1.0 if report.quick else 5.0)
    expected = theirs()
    found = ours(case, 0)[:, list(case.start).index(case.shown)].double()
    scale = ((found.var() + expected.var()) / TRAJECTORIES).sqrt()
    error = float((found.mean() - expected.mean()).abs() / scale)
    report.add(name, PEER, times["ours"], times["peer"], goal=GOAL, error=error, right=error < 5)
    speed = events(case) * TRAJECTORIES / times["ours"]
    report.say(f"  {speed / 1e6:.1f} million events a second")


def measure(report: Report) -> None:
    # GillesPy2 starts SCons by the interpreter's real path, which does not know this environment.
    os.environ["PYTHONPATH"] = sysconfig.get_path("purelib")
    for name, case in CASES.items():
        compare(report, name, case)


if __name__ == "__main__":
    sys.exit(main(measure, {PEER: "gillespy2"}, note=NOTE))
