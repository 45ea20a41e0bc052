"""Several seeds and how their results are written."""

import pytest

from lib.training import format_spread, over_seeds


def test_values_are_gathered_by_name_and_seed():
    found = over_seeds(lambda seed: {"f1": seed / 10, "loss": -float(seed)}, [1, 2, 6])
    assert found.seeds == [1, 2, 6]
    assert found.values == {"f1": [0.1, 0.2, 0.6], "loss": [-1.0, -2.0, -6.0]}
    assert found.mean("f1") == pytest.approx(0.3)
    assert found.std("f1") == pytest.approx(0.07**0.5)  # (0.04 + 0.01 + 0.09) / (3 - 1)
    assert found.format("f1", scale=100, digits=2) == "30.00 ± 26.46"
    assert found.legend == "mean ± sample standard deviation over 3 seeds"
    assert "| f1 | 0.3000 ± 0.2646 |" in found._repr_markdown_()
    with pytest.raises(KeyError, match=r"no value is named 'f2'; there are: f1, loss"):
        found.mean("f2")


def test_one_number_and_one_seed():
    found = over_seeds(lambda seed: 0.25, [3])
    assert found.format("value") == "0.2"
    assert found.legend == "one seed"


def test_formats():
    assert format_spread([1, 2], digits=2) == "1.50 ± 0.71"
    assert format_spread([1, 2], digits=2, spread="range") == "1.50 (1.00 to 2.00)"


def test_what_cannot_be_gathered_is_refused():
    for seeds in ([], [1, 1]):
        with pytest.raises(ValueError, match="different seeds"):
            over_seeds(float, seeds)
    with pytest.raises(ValueError, match="seed 1 gave"):
        over_seeds(lambda seed: {f"f{seed}": 0.0}, [0, 1])
    with pytest.raises(ValueError, match="one or more values"):
        format_spread([])


@pytest.mark.usefixtures("unchecked_shapes")
def test_an_unknown_spread_is_refused():
    with pytest.raises(ValueError, match="'std' or 'range'; it is 'sem'"):
        format_spread([1.0, 2.0], spread="sem")
