"""Named configurations. POET: `tiny` shows every part in seconds, `laptop` is the job at hand, `paper` the paper's."""

from poet.archives.config import ArchiveConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.walker.config import WalkerConfig, WalkerGaitConfig
from poet.learners.config import ESConfig
from poet.runs.config import Config, MapElitesRun, PairsRun, PoetRun
from poet.search.map_elites.config import MapElitesConfig
from poet.search.pairs.config import PairsConfig
from poet.search.poet.config import PoetConfig

PRESETS: dict[str, Config] = {
    # Births and transfers within seconds: short episodes, a small population, criteria that a stumbling robot meets.
    "tiny": PoetRun(
        iterations=12,
        generator=WalkerConfig(horizon=120),
        es=ESConfig(population=32),
        search=PoetConfig(
            max_niches=4,
            solved=1000.0,
            reproduce_every=4,
            reproduce_threshold=-200.0,
            num_children=4,
            mc_lower=-200.0,
            mc_upper=1000.0,
            transfer_every=3,
        ),
        checkpoint_every=2,
    ),
    # A step five times the paper's makes a walker of a fresh agent in fifty iterations, a minute on two cores, and
    # shrinks so that it keeps walking. The criterion is the paper's, a little widened since agents are young.
    "laptop": PoetRun(
        iterations=50,
        generator=WalkerConfig(horizon=1600),
        es=ESConfig(population=256, learning_rate=0.05, learning_rate_decay=0.99, learning_rate_floor=0.01),
        search=PoetConfig(
            max_niches=8,
            reproduce_every=10,
            reproduce_threshold=150.0,
            mc_lower=25.0,
            transfer_every=10,
            transfer_rule="enhanced",
        ),
    ),
    "paper": PoetRun(
        iterations=25_200,
        generator=WalkerConfig(max_pit=10.0),
        search=PoetConfig(max_niches=20, mc_lower=50.0, mc_upper=300.0),
    ),
    "map-elites-tiny": MapElitesRun(
        iterations=10,
        problem=ArmConfig(num_joints=8),
        archive=ArchiveConfig(shape=(16, 16)),
        search=MapElitesConfig(batch=64, generations=10, initial=64),
        checkpoint_every=2,
    ),
    "map-elites-arm": MapElitesRun(
        iterations=50, search=MapElitesConfig(batch=1024, generations=200, islands=2, line_sigma=0.2)
    ),
    # Gaits by how long each foot touches the ground, of agents on the flat course.
    "map-elites-walker": MapElitesRun(
        iterations=60,
        problem=WalkerGaitConfig(horizon=800),
        archive=ArchiveConfig(shape=(20, 20)),
        search=MapElitesConfig(batch=1024, generations=1, initial=2048, iso_sigma=0.03, line_sigma=0.2),
        offset=-150.0,
    ),
    # Solved courses by their hardest obstacles, in cells as small as a mutation: in larger ones the easiest course of a
    # cell wins, and the search does not get on. Agents learn as in `laptop`, on the flat course first.
    "map-elites-pairs": PairsRun(
        iterations=200,
        generator=WalkerConfig(horizon=1600, max_roughness=6.0, max_stump=3.0),
        es=ESConfig(population=256, learning_rate=0.05, learning_rate_decay=0.98, learning_rate_floor=0.01),
        archive=ArchiveConfig(shape=(12, 15)),
        search=PairsConfig(features=("roughness", "stump_hi"), solved=200.0),
    ),
}
