"""Named configurations of Go-Explore."""

from poet.agents.config import HostEngineConfig, RandomActionsConfig
from poet.envs.adapters.config import AtariConfig, CraftaxClassicConfig, MiniGridConfig
from poet.envs.maze.config import MazeConfig
from poet.search.go_explore.cell_functions import DescriptorCellConfig, FieldsCellConfig, MiniGridCellConfig
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

# Fetch a key, open a door, reach the goal: a reward that random actions hardly ever find.
MINIGRID = GoExploreRunConfig(
    iterations=40,
    generator=MiniGridConfig(env="MiniGrid-DoorKey-16x16"),
    policy=RandomActionsConfig(repeat=0.8),
    cell=MiniGridCellConfig(),
    search=GoExploreConfig(rounds=8, capacity=2**16),
)

# Cells: the place by 4 x 4 tiles, the achievements, and whether none, one or more of each is carried.
_CARRIED = ("wood", "stone", "coal", "iron", "diamond", "sapling")
CRAFTAX = GoExploreRunConfig(
    iterations=40,
    generator=CraftaxClassicConfig(),
    cell=FieldsCellConfig(
        fields=("world.player_position", *(f"world.inventory.{name}" for name in _CARRIED)),
        low=(0.0,),
        high=(64.0, *[3.0] * len(_CARRIED)),
        cells=(16, *[3] * len(_CARRIED)),
        hashed=("world.achievements",),
    ),
    # A row of the archive takes 26 kB.
    search=GoExploreConfig(rounds=2, capacity=2**13, max_capacity=2**14),
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
