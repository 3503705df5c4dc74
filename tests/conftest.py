"""Several devices in every test process, as on a real machine; must be set before jax wakes."""

import os

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "4")
