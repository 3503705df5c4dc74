"""Results are those that were recorded, to the last bit."""

import pytest

from tests.golden.runs import configs, machine, recorded, result

RECORD = recorded().get(machine())


def test_there_are_records() -> None:
    for runs in recorded().values():
        assert runs.keys() == configs().keys()
        assert all(run["leaves"] for run in runs.values())
        # A record from before the names in journals changed has no digests of them.
        assert all(
            len(runs[name].get("iterations", [0] * config.iterations)) == config.iterations
            for name, config in configs().items()
        )
    assert recorded()


@pytest.mark.skipif(RECORD is None, reason="no record for this processor and jax: python -m tests.golden.runs adds one")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny" else ()) for name in configs()]
)
def test_results_are_as_recorded(name: str) -> None:
    assert RECORD is not None
    found = result(configs()[name])
    assert {part: found[part] for part in RECORD[name]} == RECORD[name]
