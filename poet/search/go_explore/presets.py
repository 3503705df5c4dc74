"""Named configurations of Go-Explore."""

from poet.envs.maze.config import MazeConfig
from poet.search.go_explore.cell_functions import DescriptorCellConfig
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
