"""Tables of measurements."""

import pytest
import torch

from lib.datasets import load
from lib.datasets.errors import DatasetError
from lib.datasets.tables import diabetes, sachs


def test_columns_have_their_common_names(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("praf,p44/42\n1.5,2\n3,4.25\n")
    table = sachs({"all": [path]})["all"]
    assert table.names == ("Raf", "Erk")
    assert len(table) == 2
    assert torch.equal(table["Erk"], torch.tensor([2.0, 4.25], dtype=torch.float64))
    with pytest.raises(KeyError, match=r"no column 'Mek'; the table has \['Raf', 'Erk'\]"):
        table["Mek"]


def test_an_unknown_column_is_refused(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("praf,insulin\n1,2\n")
    with pytest.raises(DatasetError, match="insulin"):
        sachs({"all": [path]})


def test_the_embedded_table_is_whole():
    table = diabetes({})["all"]
    assert table.values.shape == (442, 10)
    assert bool(table.values.isfinite().all())
    assert 18 <= float(table["age"].min()) < float(table["age"].max()) <= 90
    assert float(table["progression"].max()) == 346.0


def test_the_real_cells(real_mirror):
    table = load("sachs")["all"]
    assert table.values.shape == (7466, 11)
    pair = torch.stack([table["Raf"], table["Mek"]]).log()
    assert float(torch.corrcoef(pair)[0, 1]) > 0.7
