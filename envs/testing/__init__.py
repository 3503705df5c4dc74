"""Tests for authors of plug-ins: does an environment, a generator or a problem keep the contract of its protocol?

Call `check_environment`, `check_host_environment`, `check_generator` or `check_problem` in a test. Each returns None,
or raises `ContractError` with a message that says what was expected, what was found, and what to do.
"""

from poet.envs.testing.environments import check_environment as check_environment
from poet.envs.testing.generators import check_generator as check_generator
from poet.envs.testing.problems import check_problem as check_problem
from poet.envs.testing.simulators import check_host_environment as check_host_environment
