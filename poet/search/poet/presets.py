"""Configurations of POET: `tiny` shows every part in seconds, `laptop` learns in minutes, `paper` is as published."""

from poet.envs.walker.config import WalkerConfig
from poet.learners.config import ESConfig
from poet.search.poet.config import PoetConfig, PoetRunConfig

# Admissions and transfers within seconds: short episodes, a small population, criteria that an untrained agent meets.
TINY = PoetRunConfig(
    iterations=12,
    generator=WalkerConfig(horizon=120),
    learner=ESConfig(population=32),
    search=PoetConfig(
        max_niches=4,
        solved_score=2.75,
        reproduce_every=4,
        reproduce_threshold=-0.25,
        num_children=4,
        mc_lower=-0.25,
        mc_upper=2.75,
        transfer_every=3,
    ),
    checkpoint_every=2,
)

# With five times the paper's learning rate a new agent learns to walk in fifty iterations, a minute on two cores; the
# rate decays so that it keeps walking. The minimal criterion is a little wider than the paper's, since agents have
# trained for less long.
LAPTOP = PoetRunConfig(
    iterations=50,
    generator=WalkerConfig(horizon=1600),
    learner=ESConfig(population=256, learning_rate=0.05, learning_rate_decay=0.99, learning_rate_floor=0.01),
    search=PoetConfig(
        max_niches=8,
        reproduce_every=10,
        reproduce_threshold=0.625,
        mc_lower=0.3125,
        transfer_every=10,
        transfer_rule="enhanced",
    ),
)

PAPER = PoetRunConfig(
    iterations=25_200,
    generator=WalkerConfig(max_pit=10.0),
    search=PoetConfig(max_niches=20),
)
