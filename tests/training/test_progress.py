"""One line of progress where somebody watches, and nothing anywhere else."""

import nbclient
import nbformat
import pytest
import torch

from lib.training import fit

from .conftest import squared_error

CELL = """
import torch
from lib.training import batches, fit, generator

model = torch.nn.Linear(1, 1)
history = fit(
    model,
    lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
    batches(torch.rand(40, 1), torch.rand(40, 1), batch_size=4, generator=generator(0)),
    torch.optim.SGD(model.parameters(), lr=0.1),
    epochs=30,
    progress={progress!r},
)
"""


@pytest.fixture(scope="module")
def pages():
    """The outputs of two cells in an executed notebook: with a bar, and without."""
    cells = [CELL.format(progress="conv encoder"), CELL.format(progress=False)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def test_an_executed_notebook_keeps_one_line(pages):
    [output] = pages[0]
    assert output.output_type == "display_data"
    assert list(output.data) == ["text/plain"]
    line = output.data["text/plain"]
    assert line.startswith("conv encoder: 100%")
    assert "300/300" in line
    assert "loss 0." in line
    assert "\n" not in line
    assert "\r" not in line


def test_no_bar_leaves_no_output(pages):
    assert pages[1] == []


def test_outside_a_terminal_nothing_is_written(make_line, capfd):
    model, data = make_line()
    fit(model, squared_error, data, torch.optim.SGD(model.parameters(), lr=0.1), epochs=2)
    assert capfd.readouterr() == ("", "")
