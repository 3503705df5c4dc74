"""Run the notebooks and save them with their outputs: `make notebooks-save`.

Left out is what depends on the machine and the moment: progress of runs, and times of execution. Figures are saved with
a palette, which makes a notebook half as large.
"""

import base64
import io
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent


def save_outputs(path: Path) -> None:
    """Run a notebook and write it back."""
    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    client = NotebookClient(notebook, timeout=1200, record_timing=False, resources={"metadata": {"path": FOLDER}})
    client.execute()
    notebook.metadata = nbformat.from_dict(metadata)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = _with_palette(output.data["image/png"])
    nbformat.write(notebook, path)


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """Whether it is what a run reports of itself."""
    return output.output_type == "display_data" and not any(name.startswith("image/") for name in output.data)


def _with_palette(png: str) -> str:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        image.convert("RGB").quantize(256, kmeans=2).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(FOLDER.glob("*.ipynb")):
        save_outputs(path)
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
