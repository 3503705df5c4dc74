"""What is being done is known in words, with what jax compiles, and shown by whoever wants to."""

import threading

import jax
import jax.numpy as jnp
import pytest

from poet import activity
from poet.activity import describe, doing


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(activity, "clock", clock)
    return clock


def test_the_outer_part_comes_first_and_the_time_is_that_of_the_inner(clock: Clock) -> None:
    assert describe() == ""
    with doing("making pictures"):
        clock.now += 5
        with doing("drawing overview") as inner:
            clock.now += 2
            assert describe() == "making pictures: drawing overview, 2 s"
            inner.text = "drawing fitness"
            assert describe() == "making pictures: drawing fitness, 2 s"
        assert describe() == "making pictures, 7 s"
    assert describe() == ""


def test_an_error_ends_what_was_done() -> None:
    with pytest.raises(ZeroDivisionError), doing("dividing"):
        _ = 1 / 0
    assert describe() == ""


def test_what_jax_traces_is_named_after_a_second(clock: Clock) -> None:
    activity.notice_compilation()
    seen = []

    @jax.jit
    def inner(x):
        seen.append(describe())
        return x + 1

    @jax.jit
    def grow_forest(x):
        seen.append(describe())
        clock.now += 3
        return inner(x)

    with doing("first iteration"):
        grow_forest(jnp.ones(3))
        assert describe() == "first iteration, 3 s"
    assert seen == ["first iteration, 0 s", "first iteration: tracing grow_forest, 3 s"]


def test_an_error_while_tracing_leaves_nothing_behind(clock: Clock) -> None:
    activity.notice_compilation()
    with pytest.raises(TypeError):
        jax.jit(lambda x: x + jnp.ones(7))(jnp.ones(3))
    clock.now += 10
    assert describe() == ""


COMPILATION = "/jax/core/compile/backend_compile_duration"


def test_a_program_that_several_devices_compile_is_named_once(clock: Clock) -> None:
    activity.notice_compilation()
    begun, go = threading.Barrier(3), threading.Event()

    def compile_program() -> None:  # the events of jax around a compilation
        jax.monitoring.record_scalar(COMPILATION, 0.0, fun_name="jit(run_episodes)")
        begun.wait(60)
        go.wait(60)
        jax.monitoring.record_event_duration_secs(COMPILATION, 1.0, fun_name="jit(run_episodes)")

    threads = [threading.Thread(target=compile_program) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(60)
    clock.now += 12
    assert describe() == "compiling run_episodes, 12 s"
    go.set()
    for thread in threads:
        thread.join()
    assert describe() == ""
