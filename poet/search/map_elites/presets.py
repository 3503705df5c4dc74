"""Named configurations of MAP-Elites."""

from poet.archives.config import GridConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.walker.config import WalkerGaitConfig
from poet.search.map_elites.config import IsoLineConfig, MapElitesConfig, MapElitesRunConfig

# Seconds: an arm of 8 joints.
TINY = MapElitesRunConfig(
    iterations=10,
    problem=ArmConfig(num_joints=8),
    archive=GridConfig(shape=(16, 16)),
    search=MapElitesConfig(batch=64, generations=10, initial=64),
    checkpoint_every=2,
)

# The arm of 100 joints on 10,000 cells.
ARM = MapElitesRunConfig(iterations=50, search=MapElitesConfig(batch=1024, generations=200, islands=2))

# Gaits on the flat course, by how long each foot touches the ground.
WALKER = MapElitesRunConfig(
    iterations=60,
    problem=WalkerGaitConfig(horizon=800),
    archive=GridConfig(shape=(20, 20)),
    search=MapElitesConfig(batch=1024, generations=1, initial=2048, emitters=(IsoLineConfig(iso_sigma=0.03),)),
    qd_offset=-150.0,
)
