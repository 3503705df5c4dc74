"""POET: paired open-ended trailblazer (Wang et al. 2019, arXiv 1901.01753; Enhanced POET, arXiv 2003.08536)."""
