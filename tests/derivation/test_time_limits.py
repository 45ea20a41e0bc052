"""Time limits inside one another: the outer one holds, and a budget is shared."""

import pytest

from lib.derivation.timing import TookTooLong, budget, within


def busy():
    while True:
        sum(range(100))


def test_inner_work_ends_with_the_outer_limit():
    rounds = []

    def stubborn():  # tries again whenever its own limit passes
        for _ in range(1000):
            try:
                within(0.05, busy)
            except TookTooLong:
                rounds.append(1)

    with pytest.raises(TookTooLong):
        within(0.2, stubborn)
    assert 1 <= len(rounds) < 10


def test_a_budget_is_shared():
    words = []
    with budget(0.1):
        for _ in range(5):
            with pytest.raises(TookTooLong) as error:
                within(0.07, busy)
            words.append(str(error.value))
    assert words[-1] == "no time was left"
    assert within(1, lambda: "free again") == "free again"
