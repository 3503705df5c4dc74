"""Config classes of archives, and archives of other packages."""

import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import poet.archives
from poet import configs
from poet.archives import (
    ArchiveConfig,
    BufferConfig,
    CVTConfig,
    GridConfig,
    ParetoConfig,
    UnstructuredConfig,
    compare,
    stats,
    table,
)
from poet.archives.config import archives, make
from poet.archives.layout import layout
from poet.errors import ContractError
from tests.archives.cases import BOUNDS, CONFIGS, EXAMPLE, batch, compiled_from
from tests.archives.hexagons import HexagonConfig

OURS = {
    "grid": GridConfig,
    "cvt": CVTConfig,
    "unstructured": UnstructuredConfig,
    "pareto": ParetoConfig,
    "buffer": BufferConfig,
}


def test_the_archives_of_this_project_are_registered() -> None:
    assert {id: archives.get(id) for id in OURS} == OURS
    assert {id: str(archives.origin(id)).split()[0] for id in OURS} == dict.fromkeys(OURS, "poet-evolution")


@pytest.mark.parametrize("name", CONFIGS)
def test_configs_are_json_and_back(name: str) -> None:
    config = CONFIGS[name]
    assert configs.from_dict(archives, json.loads(json.dumps(configs.to_dict(config)))) == config


def test_each_config_has_its_own_options_only() -> None:
    options = {id: {field.name for field in dataclasses.fields(config)} for id, config in OURS.items()}
    assert options == {
        "grid": {"shape", "out_of_bounds", "learning_rate", "threshold_min", "tie_break"},
        "cvt": {"num_cells", "seed", "samples", "out_of_bounds", "learning_rate", "threshold_min", "tie_break"},
        "unstructured": {"capacity", "min_distance", "out_of_bounds"},
        "pareto": {"shape", "front_size", "num_objectives", "out_of_bounds"},
        "buffer": {"capacity", "out_of_bounds", "tie_break"},
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_the_spec_of_a_config_is_part_of_the_spec_of_its_archive(name: str) -> None:
    spec = CONFIGS[name].spec(BOUNDS)
    made = CONFIGS[name].make(BOUNDS)
    assert json.loads(json.dumps(spec)) == spec
    assert {key: made.spec[key] for key in spec} == spec
    assert make(made.spec).spec == make(spec).spec == made.spec


def test_one_number_of_cells_applies_to_all_coordinates() -> None:
    assert GridConfig(shape=(7,)).spec(BOUNDS)["shape"] == [7, 7]
    assert ParetoConfig(shape=(7,)).spec(BOUNDS)["layout"]["cells"] == 49


def test_the_layout_in_a_spec_is_ignored_by_make() -> None:
    spec = GridConfig(shape=(5, 3)).spec(BOUNDS)
    wrong = {**spec, "layout": layout(1, "points")}
    without = {name: value for name, value in spec.items() if name != "layout"}
    assert make(wrong).spec == make(without).spec == make(spec).spec


def test_specs_of_configs_do_not_import_jax() -> None:
    program = """
import sys
import poet.archives
for config in ("GridConfig", "CVTConfig", "UnstructuredConfig", "ParetoConfig"):
    getattr(poet.archives, config)().spec([(0, 1), (0, 1)])
assert "jax" not in sys.modules, "jax"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.ci
def test_an_archive_of_another_package() -> None:
    made = compiled_from(HexagonConfig())
    state, info = made.add(made.init(EXAMPLE), batch(0))
    elites = jax.device_get(made.elites(state))
    columns = table.columns(made.spec, elites)
    assert stats.summary(made.spec, columns).filled == int(info.counts.added) > 6
    rows = table.rows_from_columns(made.spec, columns, EXAMPLE)
    np.testing.assert_array_equal(rows.fitness, elites.fitness)
    assert len(compare.diff(made.spec, elites, columns).equal) == int(info.counts.added)
    fewer = dataclasses.replace(HexagonConfig(), num_lines=1).make(BOUNDS)
    assert int(compare.merge(fewer, elites)[1].counts.seen) == int(info.counts.added)


def test_methods_that_a_config_does_not_define_raise() -> None:
    @dataclasses.dataclass(frozen=True)
    class Incomplete(ArchiveConfig):
        id = "incomplete"

    with pytest.raises(ContractError, match="Incomplete must define spec"):
        Incomplete().make(BOUNDS)
    with pytest.raises(ContractError, match="Incomplete must define from_spec"):
        Incomplete.from_spec({})


def test_public_names_are_listed() -> None:
    for name in poet.archives.__all__:
        assert getattr(poet.archives, name) is not None
        assert name in dir(poet.archives)
