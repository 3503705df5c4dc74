import dataclasses
import shutil
import subprocess
import sys
from typing import ClassVar

import jax
import numpy as np
import pytest

from poet.agents.config import MLPConfig, PolicyConfig, policies
from poet.agents.mlp import mlp
from poet.envs.base import Box, Discrete, Interface, MultiDiscrete
from poet.envs.gymnasium_env import LevelEnv
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError
from poet.runs.artifacts import write_artifact
from poet.runs.read import read_niche
from poet.view import standalone
from poet.view.export import export
from poet.view.niches import commands
from poet.view.open import open_run
from tests.view.fake_run import fake_run, weights
from tests.view.run_folder import edit_json
from tests.view.toy import HillsEnvironment, HillsGenerator


@pytest.fixture(scope="module")
def walker_folder(tmp_path_factory):
    return fake_run(tmp_path_factory.mktemp("runs") / "walker", WalkerConfig(), 1, policy=MLPConfig())


def observations(size, num=200):
    return np.random.default_rng(0).normal(0, 2, (num, size)).astype(np.float32)


@pytest.mark.ci
def test_walker_acts_alike_in_numpy(walker_folder, tmp_path):
    run = open_run(walker_folder)
    act = standalone.load(export(run, 0, tmp_path / "out") / "weights.npz")
    policy = run.policy()
    tree = policy.unravel(run.agent(0))
    obs = observations(24)
    theirs = np.asarray(jax.vmap(lambda o: policy.act(tree, (), o, jax.random.key(0))[0])(obs))
    ours = np.stack([act(o) for o in obs])
    assert ours.dtype == np.float32
    assert ours.shape == (200, 4)
    assert ours.std() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_exported_folder_runs_in_gymnasium_without_jax(walker_folder, tmp_path, capsys):
    commands.export(str(walker_folder), agent=0, out=tmp_path / "out")
    assert "run it: python" in capsys.readouterr().out
    code = (
        "import sys, runpy; sys.modules['jax'] = sys.modules['poet'] = None;"
        "sys.argv = ['policy.py', '--episodes', '1'];"
        f"runpy.run_path({str(tmp_path / 'out' / 'policy.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "episode 0: return" in done.stdout
    assert "over 1 episodes" in done.stdout


@pytest.mark.few(1)
@pytest.mark.parametrize("space", [Box((2, 3), -2.0, 4.0), Discrete(5), MultiDiscrete((3, 4))])
def test_every_kind_of_action(folder, tmp_path, space):
    class Environment(HillsEnvironment):
        @property
        def interface(self):
            return Interface("hills-v1", jax.ShapeDtypeStruct((3,), np.float32), space, 50)

    class Generator(HillsGenerator):
        @property
        def environment(self):
            return Environment()

    run = open_run(folder, Generator())
    policy = mlp(Environment().interface, run.policy_config)
    flat = weights(policy.num_params, 1)
    niche = tmp_path / "run" / "niches"
    niche.mkdir(parents=True)
    for name in ("run.json", "config.json", "journal.jsonl"):
        (tmp_path / "run" / name).write_bytes((folder / name).read_bytes())
    write_artifact(niche / "0", read_niche(folder, 0)._replace(arrays={"best": flat}))
    act = standalone.load(export(open_run(tmp_path / "run", Generator()), 0, tmp_path / "out") / "weights.npz")
    tree = policy.unravel(flat)
    for obs in observations(3, 20):
        theirs = np.asarray(policy.act(tree, (), obs, jax.random.key(0))[0])
        assert act(obs).shape == theirs.shape
        assert act(obs).dtype == theirs.dtype
        np.testing.assert_allclose(act(obs), theirs, atol=2e-6)


def test_without_a_counterpart_in_gymnasium_the_file_is_to_be_imported(folder, tmp_path, capsys):
    commands.export(str(folder), agent=1, out=tmp_path / "out")
    assert "poet.envs.gymnasium_env.LevelEnv" in capsys.readouterr().out
    done = subprocess.run([sys.executable, tmp_path / "out" / "policy.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no counterpart in gymnasium" in done.stderr
    assert "poet.envs.gymnasium_env.LevelEnv" in done.stderr


def test_an_exported_agent_runs_in_its_level_in_gymnasium(folder, tmp_path):
    run = open_run(folder)
    act = standalone.load(export(run, 1, tmp_path / "out") / "weights.npz")
    fitness, length = standalone.run_episode(act, LevelEnv(run.environment(), run.genome(1)), seed=0)
    assert np.isfinite(fitness)
    assert 1 <= length <= run.interface().horizon


@dataclasses.dataclass(frozen=True)
class ReluConfig(PolicyConfig):
    id: ClassVar[str] = "relu"
    hidden: tuple[int, ...] = (4,)

    def make(self, interface):
        policy = MLPConfig(self.hidden).make(interface)

        def act(tree, memory, obs, key):
            x = obs
            for layer in tree["params"].values():
                x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
            return x, memory

        return policy._replace(act=act)


class FlatConfig(ReluConfig):
    id: ClassVar[str] = "flat"

    def make(self, interface):
        return super().make(interface)._replace(unravel=lambda params: params)


@pytest.mark.parametrize(("config", "problem"), [(ReluConfig, "does not act as a stack"), (FlatConfig, "dense layers")])
def test_a_policy_that_numpy_would_not_run_alike_is_not_exported(folder, tmp_path, monkeypatch, config, problem):
    monkeypatch.setattr(policies, "_registered", {**policies._registered, config.id: config})
    copy = shutil.copytree(folder, tmp_path / "copy")
    edit_json(copy / "config.json", policy={"id": config.id, "hidden": [4]})
    with pytest.raises(ConfigError, match=problem):
        export(open_run(copy), 1, tmp_path / "out")
    assert not (tmp_path / "out").exists()
