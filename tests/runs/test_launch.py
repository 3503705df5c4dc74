"""What a run finds set up, whatever was imported before it; in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
{first}
import poet
from poet.runs.folder import cores
print("cores", cores())
small = poet.MapElitesConfig(batch=8, generations=1, initial=8)
poet.run(poet.MapElitesRun(search=small, archive=poet.ArchiveConfig(shape=(4, 4)), iterations=1), sys.argv[1])
"""


@pytest.mark.parametrize(
    ("first", "late"),
    [
        pytest.param("", False, marks=pytest.mark.slow),
        ("import jax", False),
        ("import jax; jax.numpy.zeros(3)", True),
    ],
)
def test_a_run_has_every_core_unless_jax_has_computed_before(tmp_path: Path, first: str, late: bool) -> None:
    hidden = ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-c", SCRIPT.format(first=first), str(tmp_path / "a")]
    said = subprocess.run(command, capture_output=True, text=True, env=clean, check=True).stdout
    cores = said.split("cores ")[1].split()[0]
    assert f"on {1 if late else cores} x cpu" in said
    assert (f"on {cores} if jax had not computed before the run began" in said) == (late and cores != "1")
