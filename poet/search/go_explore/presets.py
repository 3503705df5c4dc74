"""Named configurations of Go-Explore."""

from poet.agents.config import HostEngineConfig
from poet.envs.adapters.config import AtariConfig
from poet.envs.maze.config import MazeConfig
from poet.search.go_explore.cell_functions import DescriptorCellConfig, FieldsCellConfig
from poet.search.go_explore.config import GoExploreConfig, GoExploreRunConfig

# The way through the deceptive maze, in seconds.
TINY = GoExploreRunConfig(
    iterations=8,
    checkpoint_every=2,
    generator=MazeConfig(horizon=2000, speed=5.0),
    search=GoExploreConfig(rounds=8),
)

# The same maze with the robot at its usual speed, and finer cells.
MAZE = GoExploreRunConfig(
    iterations=200,
    generator=MazeConfig(horizon=10_000),
    cell=DescriptorCellConfig(shape=(60,)),
)

# Montezuma's Revenge with cells of level, room, what is carried, and place, which stand in these bytes of the memory
# (the position x / 8, y / 16).
MONTEZUMA = GoExploreRunConfig(
    iterations=100,
    checkpoint_every=10,
    generator=AtariConfig(game="montezuma_revenge"),
    engine=HostEngineConfig(),
    cell=FieldsCellConfig(
        fields=("obs.ram.57", "obs.ram.3", "obs.ram.65", "obs.ram.42", "obs.ram.43"),
        low=(0.0,),
        high=(256.0,),
        cells=(256, 256, 256, 32, 16),
        names=("level", "room", "carried", "x", "y"),
    ),
    search=GoExploreConfig(rounds=2),
)
