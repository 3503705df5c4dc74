"""MAP-Elites over pairs of an environment and an agent that solves it.

Read in this order: `config` (options), `state` (what an iteration starts from), `algorithm` (the iteration), its parts
`train`, `reproduce` and `transfer`, and what these share: `evaluate`, `insert` and `context`.
"""
