"""The notebooks as they are committed: with their outputs, and without what belongs to one machine."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 1_000_000

# Paths, addresses of objects, the device, speed, warnings.
MACHINE = re.compile(
    r"/tmp/|/home/|/root/|/Users/|site-packages|0x[0-9a-f]{6,}|Xeon|EPYC|steps/s|evaluations/s|Warning"
)


def code_cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def shown(output):
    """The text of an output, without pictures, whose bytes may spell anything."""
    parts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if not k.startswith("image/"))]
    return re.sub(r"base64,[A-Za-z0-9+/=]*", "", "".join("".join(part) for part in parts))


def problems(path):
    """What a notebook must not have, in words."""
    cells = code_cells(path)
    found = [] if path.stat().st_size < MAX_BYTES else [f"{path.stat().st_size} bytes"]
    if [cell["execution_count"] for cell in cells] != list(range(1, len(cells) + 1)):
        found.append("cells that did not run in order")
    if not any(output["output_type"] == "execute_result" for cell in cells for output in cell["outputs"]):
        found.append("no outputs")
    for output in (output for cell in cells for output in cell["outputs"]):
        if output["output_type"] == "error" or output.get("name") == "stderr":
            found.append(f"an error or a warning: {output}")
        found += MACHINE.findall(shown(output))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_outputs(path):
    assert problems(path) == []
    figures = sum("image/png" in output.get("data", {}) for cell in code_cells(path) for output in cell["outputs"])
    assert figures >= 2


OUTPUTS = {
    "a path": {"output_type": "stream", "name": "stdout", "text": ["/tmp/abc/tiny: poet on walker"]},
    "an address": {"output_type": "execute_result", "data": {"text/plain": ["<Page at 0x7f30cc830290>"]}},
    "a warning": {"output_type": "stream", "name": "stderr", "text": ["careful"]},
    "a speed": {"output_type": "display_data", "data": {"text/html": ["3 k steps/s"]}},
    "an error": {"output_type": "error", "ename": "ValueError"},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_checks_can_fail(tmp_path, name):
    result = {"output_type": "execute_result", "data": {"text/plain": ["1"]}}
    cells = [{"cell_type": "code", "execution_count": 1, "outputs": [result, OUTPUTS[name]]}]
    path = tmp_path / "notebook.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert len(problems(path)) == 1
    path.write_text(json.dumps({"cells": [{**cells[0], "execution_count": None, "outputs": []}]}))
    assert problems(path) == ["cells that did not run in order", "no outputs"]
