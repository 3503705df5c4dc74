"""The foreign package of tests/foreign, registered in this process: its plug-ins pass the same suites as ours."""

from poet.registry import register
from poet.view.run import views
from poet_curriculum.config import TINY as TINY
from poet_curriculum.config import CurriculumRunConfig, LinearConfig, LogGridConfig, PromisingConfig, RandomSearchConfig
from poet_curriculum.view import CurriculumView

for config in (CurriculumRunConfig, LinearConfig, LogGridConfig, PromisingConfig, RandomSearchConfig):
    register(config)
views.register(CurriculumView)
