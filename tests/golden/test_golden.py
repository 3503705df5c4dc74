"""Results are those that were recorded, to the last bit."""

import pytest

from tests.golden.runs import configs, machine, recorded, result

RECORD = recorded().get(machine())


def test_there_are_records() -> None:
    for runs in recorded().values():
        assert runs.keys() == configs().keys()
        assert all(len(runs[name]["iterations"]) == config.iterations for name, config in configs().items())
        assert all(runs[name]["leaves"] for name in runs)
    assert recorded()


@pytest.mark.skipif(RECORD is None, reason="no record for this processor and jax: python -m tests.golden.runs adds one")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny" else ()) for name in configs()]
)
def test_results_are_as_recorded(name: str) -> None:
    assert RECORD is not None
    assert result(configs()[name]) == RECORD[name]
