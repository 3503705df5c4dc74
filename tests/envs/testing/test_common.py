import numpy as np

from poet.envs.testing.common import same


def test_any_nan_is_the_same_nan_and_minus_zero_is_not_zero() -> None:
    quiet = np.array([0x7FC00000, 0xFFC00000], np.uint32).view(np.float32)
    assert same(quiet[:1], quiet[1:])
    assert not same(np.float32(0.0), np.float32(-0.0))
    assert not same(np.float32(0.0), quiet[0])
