"""Named configurations of MAP-Elites over pairs."""

from poet.archives.config import GridConfig
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
