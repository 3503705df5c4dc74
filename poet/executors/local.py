"""One process, all its local devices: episodes of all niches and candidates form one queue, cut into equal shares."""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import jax

from poet.agents.engine import EngineContext
from poet.errors import ConfigError, ContractError
from poet.executors.base import Executor
from poet.executors.config import LocalExecutorConfig
from poet.executors.queues import DeviceQueues
from poet.executors.recipe import Recipe
from poet.executors.train import rows_per_job, trainer
from poet.jax_settings import pinned

# Episodes that are handed to a device at once, by device kind.
QUEUE = {"cpu": 2048}
LONG_QUEUE = 32768


def local(recipe: Recipe | None, config: LocalExecutorConfig, context: EngineContext | None = None) -> Executor:
    """An executor on the local devices. Without a learner it cannot train, without a recipe it has `map` alone.

    Raises `ConfigError` if more devices are requested than there are.
    """
    devices = local_devices(config.devices)
    # One pool for episodes and one for items, since the program of an item may run episodes.
    closing = contextlib.ExitStack()
    pool, item_pool = (closing.enter_context(ThreadPoolExecutor(len(devices), name)) for name in ("device", "item"))

    def run_items(program: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        @pinned()  # it runs in a thread
        def run_item(number: int) -> Any:
            arguments = jax.device_put(items[number], devices[number % len(devices)])
            return jax.block_until_ready(program(*arguments))

        return list(item_pool.map(run_item, range(len(items))))

    if recipe is None:
        return Executor(_refuse, _refuse, run_items, dict, closing.close)
    policy, engine, learner = recipe.build(context)
    if not engine.traceable:
        devices = devices[:1]  # it has processes of its own
    closing.callback(engine.close)
    queue = config.queue or QUEUE.get(devices[0].platform, LONG_QUEUE)
    min_rows = 1 if learner is None else rows_per_job(learner, len(devices))
    queues = DeviceQueues(engine, policy.num_params, queue, devices, pool, min_rows)
    train = _refuse if learner is None else trainer(engine, learner, queues, run_items)
    return Executor(train, queues.evaluate, run_items, queues.timings, closing.close)


def _refuse(*args: Any) -> NoReturn:
    raise ContractError("this executor was made without a learner, so it cannot train, or without a recipe")


def local_devices(count: int | None) -> list[Any]:
    """The first `count` local devices, by default all. Raises `ConfigError` if there are fewer."""
    devices = jax.local_devices()
    if count is not None and count > len(devices):
        raise ConfigError(
            f"executor.devices expects at most {len(devices)}, the {devices[0].platform} devices here, got {count}; "
            "on CPU set JAX_NUM_CPU_DEVICES before jax starts, or leave the option out to use all devices"
        )
    return devices[:count]
