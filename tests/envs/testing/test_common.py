import numpy as np

from poet.envs.testing.common import same_bits


def test_all_nans_are_equal_but_minus_zero_is_not_zero() -> None:
    nans = np.array([0x7FC00000, 0xFFC00000], np.uint32).view(np.float32)
    assert same_bits(nans[:1], nans[1:])
    assert not same_bits(np.float32(0.0), np.float32(-0.0))
    assert not same_bits(np.float32(0.0), nans[0])
