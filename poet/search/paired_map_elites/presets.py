"""Named configurations of MAP-Elites over pairs."""

from poet.archives.config import CellsConfig, GridConfig
from poet.archives.selections import LeastChosenConfig
from poet.envs.walker.config import WalkerConfig
from poet.learners.config import ESConfig
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig

# Solved courses by their hardest obstacles. Cells are as small as one mutation: in larger cells the easiest course of a
# cell scores best, so that the search does not advance to harder ones. Agents learn with large steps at first, as in
# the preset `laptop`; the first agent learns on the flat course.
WALKER = PairedMapElitesRunConfig(
    iterations=200,
    generator=WalkerConfig(horizon=1600, max_roughness=6.0, max_stump=3.0),
    learner=ESConfig(population=256, learning_rate=0.05, learning_rate_decay=0.98, learning_rate_floor=0.01),
    archive=GridConfig(shape=(12, 15)),
    search=PairedMapElitesConfig(features=("roughness", "stump_hi"), solved_score=0.75),
)

# Go-Explore over pairs: cells of three kinds of obstacles, as many as are met, each with the state of its learner. Of
# this policy and learner an elite has 56 kB.
GO_EXPLORE = PairedMapElitesRunConfig(
    iterations=400,
    generator=WalkerConfig(horizon=1600, max_roughness=6.0, max_pit=4.0, max_stump=3.0),
    learner=WALKER.learner,
    archive=CellsConfig(shape=(12, 10, 15), capacity=1024),
    search=PairedMapElitesConfig(
        features=("roughness", "pit_hi", "stump_hi"),
        solved_score=0.75,
        trainees_from="elites",
        selection=LeastChosenConfig("seen"),
        max_training_steps=5,
    ),
)
