import dataclasses
import json
import shutil
from typing import ClassVar

import numpy as np
import pytest

from poet import registry
from poet.envs.config import generators
from poet.errors import ConfigError
from poet.view.evaluate import evaluate
from poet.view.export import export
from poet.view.niches.inspect import niche_lines, niche_table
from poet.view.niches.lineage import tree_lines
from poet.view.niches.plots import PLOTS
from poet.view.open import open_run
from poet.view.plots import plot
from poet.view.video import video
from tests.view.figures import ink
from tests.view.run_folder import edit_json
from tests.view.toy import HillsConfig, HillsGenerator


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def replace_part(folder, name, **options):
    before = json.loads((folder / "config.json").read_text())[name]
    edit_json(folder / "config.json", **{name: {**before, **options}})


@dataclasses.dataclass(frozen=True)
class FailingConfig(HillsConfig):
    id: ClassVar[str] = "failing"

    def make(self):
        raise ModuleNotFoundError("no physics engine")


@pytest.mark.ci
def test_without_its_generator_a_run_gives_weights_tables_and_figures(folder, copy, tmp_path):
    replace_part(copy, "generator", id="not_here")
    run, original = open_run(copy), open_run(folder)
    with pytest.raises(ConfigError, match="not_here"):
        run.generator()
    assert run.interface() == original.interface()
    assert run.policy().num_params == original.policy().num_params
    np.testing.assert_array_equal(run.agent(2), original.agent(2))
    assert run.niche(2).agent("admission").shape == (run.policy().num_params,)
    assert run.caption(2) == original.caption(2)
    assert tree_lines(run) == tree_lines(original)
    assert niche_lines(run, 2) == niche_lines(original, 2)
    assert niche_table(run).row_count == len(run.table("niches")["niche"])
    assert run.default_agent() == original.default_agent()
    for kind in PLOTS:
        plot(run, kind, tmp_path / f"{kind}.png")
        assert ink(tmp_path / f"{kind}.png") > 0.02
    labels = [label.get_text() for axes in plot(run, "gallery").axes for label in axes.get_yticklabels()]
    assert {"height", "width"} <= set(labels), "features as bars"


@pytest.mark.ci
def test_without_its_generator_a_run_has_no_video_and_no_evaluation_but_an_export(folder, copy, tmp_path):
    replace_part(copy, "generator", id="not_here")
    run = open_run(copy)
    assert not run.can_render()
    assert run.suggested_commands() == ("inspect {}", "plot {}")
    for use in (lambda: video(run), lambda: evaluate(run, 0), lambda: run.niche(0).genome):
        with pytest.raises(ConfigError, match="unknown generator 'not_here'.*install"):
            use()
    assert (export(run, 1, tmp_path / "out") / "weights.npz").exists()
    elsewhere = evaluate(run, 4, 2, environment_run=open_run(folder), episodes=3)
    np.testing.assert_array_equal(elsewhere.fitness, evaluate(open_run(folder), 4, 2, episodes=3).fitness)


def test_a_generator_that_fails_is_as_one_that_is_not_installed(copy, monkeypatch):
    monkeypatch.setattr(generators, "_registered", dict(generators._registered))
    registry.register(FailingConfig)
    replace_part(copy, "generator", id="failing")
    run = open_run(copy)
    with pytest.raises(ConfigError, match="generator 'failing' cannot be made: .*no physics engine"):
        run.generator()
    assert run.interface().id == "hills-v1"
    assert not run.can_render()


def test_without_an_interface_on_file_the_generator_is_named(copy):
    replace_part(copy, "generator", id="not_here")
    edit_json(copy / "run.json", identity={})
    with pytest.raises(ConfigError, match="not_here"):
        open_run(copy).policy()


def test_only_the_parts_that_are_needed_are_decoded(copy, tmp_path):
    edit_json(copy / "config.json", learner={"id": "gone"}, search={"judge": {"id": "gone"}})
    assert video(open_run(copy), 0, tmp_path / "video.gif").exists()
    replace_part(copy, "policy", id="gone")
    run = open_run(copy)
    with pytest.raises(ConfigError, match="unknown policy 'gone'"):
        run.agent(0)
    assert run.weights(0).shape == (21,)


@pytest.mark.ci
def test_the_policy_is_made_by_its_config(copy):
    replace_part(copy, "policy", hidden=[7, 5])
    assert open_run(copy).policy().num_params == 3 * 7 + 7 + 7 * 5 + 5 + 5 * 1 + 1


def test_a_generator_that_was_renamed_reads_its_genomes(folder, copy, renames):
    replace_part(copy, "generator", id="old_hills")
    rows = (copy / "journal.jsonl").read_text().replace('"id": "hills"', '"id": "old_hills"')
    (copy / "journal.jsonl").write_text(rows)
    for file in (copy / "niches").glob("*.json"):
        genome = json.loads(file.read_text())["genome"]
        edit_json(file, genome={**genome, "id": "old_hills"})
    with pytest.raises(ConfigError, match="old_hills"):
        open_run(copy).generator()
    edit_json(copy / "run.json", renamed={"old_hills": "hills"})
    run = open_run(copy)
    assert run.generator().id == "hills"
    assert run.genome(3) == open_run(folder).genome(3)
    shapes = [axes.images[0].get_array().shape for axes in plot(run, "gallery").axes]
    assert set(shapes) == {(40, 400, 3)}, "environments are drawn, not their features"


def test_genomes_of_another_generator_are_refused(copy, renames):
    for file in (copy / "niches").glob("*.json"):
        genome = json.loads(file.read_text())["genome"]
        edit_json(file, genome={**genome, "id": "other"})
    renames["other"] = "something else"
    with pytest.raises(ConfigError, match="expected a genome of hills"):
        open_run(copy).genome(0)


def test_a_custom_scoring_has_no_agents(copy):
    edit_json(copy / "run.json", overrides={"scoring": {}})
    with pytest.raises(ConfigError, match="solutions of a user-defined scoring"):
        open_run(copy).generator()


def test_a_custom_generator_is_asked_for(copy):
    edit_json(copy / "run.json", overrides={"generator": {"id": "hills", "version": 1}})
    run = open_run(copy)
    with pytest.raises(ConfigError, match="custom generator.*generator=..."):
        run.generator()
    assert run.interface().id == "hills-v1"
    assert open_run(copy, HillsGenerator()).genome(0) is not None
