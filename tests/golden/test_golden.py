"""Results are those that were recorded, to the last bit."""

import pytest

from tests.golden.runs import configs, machine, recorded, result

RECORD = recorded().get(machine(), {})


def test_there_are_records() -> None:
    for runs in recorded().values():
        # A record from before a change has only the runs, and of a run only the digests, that did not change.
        assert runs.keys() <= configs().keys()
        assert runs
        assert all(run["leaves"] for run in runs.values())
        assert all(
            len(run.get("iterations", [0] * configs()[name].iterations)) == configs()[name].iterations
            for name, run in runs.items()
        )
    assert any(runs.keys() == configs().keys() for runs in recorded().values())


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny" else ()) for name in configs()]
)
def test_results_are_as_recorded(name: str) -> None:
    if name not in RECORD:
        pytest.skip("no record for this processor and jax: python -m tests.golden.runs adds one")
    found = result(configs()[name])
    assert {part: found[part] for part in RECORD[name]} == RECORD[name]
