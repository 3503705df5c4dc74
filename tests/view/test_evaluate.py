import numpy as np
import pytest

from poet.envs.episode_keys import level_key, reset_key
from poet.errors import ConfigError, RunError
from poet.types import numbered_keys
from poet.view.evaluate import Evaluation, evaluate
from poet.view.niches import commands
from poet.view.open import open_run
from tests.view.toy import HillsEnvironment, HillsGenerator


def by_hand(run, niche, genome, key):
    """One episode without the rollout's machinery."""
    import jax

    environment, policy = run.generator().environment, run.policy()
    tree = policy.unravel(run.agent(niche))
    level = environment.build(level_key(key), genome)
    state, obs = environment.reset(reset_key(key), level)
    step, total = jax.jit(environment.step), 0.0
    for time in range(environment.horizon):
        new = step(key, level, state, policy.act(tree, (), obs, key)[0])
        state, obs, total = new.world, new.obs, total + float(new.reward)
        if new.terminated or new.truncated:
            return total, time + 1
    raise AssertionError("the episode never ended")


def test_it_agrees_with_an_episode_by_hand(folder):
    import jax

    run = open_run(folder)
    result = evaluate(run, 1, 2, episodes=5, fresh=False, seed=3)
    assert result.fitness.shape == result.length.shape == result.solved.shape == (5,)
    total, length = by_hand(run, 1, run.niche(2).genome, numbered_keys(jax.random.key(3), 5)[4])
    assert length == result.length[4]
    np.testing.assert_allclose(total, result.fitness[4], rtol=1e-4)


def test_agents_and_environments_are_distinguished(folder):
    run = open_run(folder)
    own, simplest, other = (
        evaluate(run, 4, episodes=3),
        evaluate(run, 4, "simplest", episodes=3),
        evaluate(run, 4, 2, episodes=3),
    )
    assert "niche 4 of fake" in own.environment
    assert "simplest" in simplest.environment
    assert "niche 2" in other.environment
    assert len({tuple(e.fitness.tolist()) for e in (own, simplest, other)}) == 3
    elsewhere = evaluate(run, 4, 2, environment_run=open_run(folder), episodes=3)
    np.testing.assert_array_equal(elsewhere.fitness, other.fitness)
    best, first = (evaluate(run, 4, snapshot=name, episodes=1).fitness for name in ("best", "admission"))
    assert best != first


def test_terrain_is_fresh_unless_that_of_the_run_is_wanted(folder):
    run = open_run(folder)
    assert run.generator().deterministic
    assert len(set(evaluate(run, 4, 9, episodes=4, fresh=False).fitness)) == 1
    assert len(set(evaluate(run, 4, 9, episodes=4).fitness)) == 4


def test_summary_counts_episodes_that_are_not_finite_separately():
    fitness = np.array([100.0, 300.0, np.nan, 200.0], np.float32)
    solved = np.array([False, True, False, False])
    summary = Evaluation("a", "b", fitness, np.array([1, 2, 3, 4]), solved).summary()
    assert (summary["mean"], summary["not_finite"], summary["share_solved"], summary["episodes"]) == (200.0, 1, 0.25, 4)
    assert summary["quantiles"]["50%"] == 200.0
    assert summary["quantiles"]["100%"] == 300.0
    np.testing.assert_allclose(summary["std"], np.std([100, 200, 300]))


def test_solved_needs_the_goal_and_the_score(folder):
    run = open_run(folder)
    run.options["search"]["solved_score"] = -1e9
    result = evaluate(run, 0, episodes=2)
    reached = result.length < 50  # the cart's only end before the horizon is its goal
    np.testing.assert_array_equal(result.solved, reached)
    run.options["search"]["solved_score"] = 1e9
    assert not evaluate(run, 0, episodes=2).solved.any()


def test_solved_is_a_threshold_as_a_return(folder):
    run = open_run(folder)
    run.options["search"] |= {"threshold_unit": "fraction", "solved_score": 0.5}
    assert run.thresholds == {}, "a fraction of a range that is not on file"
    run.meta["identity"]["thresholds"] = {"solved_score": 1e9, "mc_lower": 2.0}
    assert run.thresholds == {"solved_score": 1e9, "mc_lower": 2.0}
    assert not evaluate(run, 0, episodes=2).solved.any()
    run.meta["identity"]["thresholds"] = {"solved_score": -1e9}
    result = evaluate(run, 0, episodes=2)
    np.testing.assert_array_equal(result.solved, result.length < 50)
    run.meta["identity"]["thresholds"] = {"solved_score": "high"}
    assert run.thresholds == {}


def test_impossible_requests_raise_errors(folder):
    run = open_run(folder)
    with pytest.raises(ConfigError, match="episodes"):
        evaluate(run, 0, episodes=0)
    with pytest.raises(ConfigError, match="'simplest'"):
        evaluate(run, 0, "hilly")
    with pytest.raises(RunError, match="no niche 99"):
        evaluate(run, 0, 99)

    class OtherEnvironment(HillsEnvironment):
        @property
        def interface(self):
            return super().interface._replace(id="other-v1")

    class Other(HillsGenerator):
        @property
        def environment(self):
            return OtherEnvironment()

    with pytest.raises(ConfigError, match="other-v1"):
        evaluate(run, 0, environment_run=open_run(folder, Other()))


def test_command_prints_the_numbers(folder, capsys):
    commands.evaluate(str(folder), agent=1, on="simplest", episodes=4)
    out = capsys.readouterr().out
    for part in ("agent of niche 1", "simplest", "episodes  4", "mean", "std", "50%", "solved"):
        assert part in out
