"""The phases of all searches: the first part of every key, one for each use of randomness.

The comment of a phase names the parts of its keys after the iteration; see `poet.types.derive_key`.
"""

import enum


class PoetPhase(enum.IntEnum):
    """Of POET."""

    START = 0  # niche
    TRAIN = 1  # niche
    TRAIN_EPISODE = 2  # niche, episode
    SCORE_EPISODE = 3  # niche, episode
    PARENT = 4  # child
    MUTATE = 5  # child
    CHILD_SCORE_EPISODE = 6  # child, episode
    CHILD_TRAIN_EPISODE = 7  # child, episode
    CHILD_AGENT = 8  # child, source
    CHILD_TRAIN = 9  # child, source
    PROPOSE_AGENT = 10  # niche, source
    PROPOSE_TRAIN = 11  # niche, source
    SET_AGENT = 12  # niche, source


class MapElitesPhase(enum.IntEnum):
    """Of MAP-Elites."""

    START = 0  # island
    PRIOR = 1  # number of the solution, as its episode
    PRIOR_EVALUATE = 2  # number of the batch, as its source
    EMIT = 3  # island; the iteration of this and the next two is the number of the generation
    EVALUATE = 4  # island
    TELL = 5  # island
    REEVALUATE = 6  # number of the batch, as its source, and of the repetition, as its episode


class AskTellPhase(enum.IntEnum):
    """Of MAP-Elites by ask and tell."""

    START = 0
    EMIT = 1
    TELL = 2


class PairedPhase(enum.IntEnum):
    """Of MAP-Elites over pairs."""

    START = 0
    START_LEARNER = 1
    TRAIN = 2  # slot
    TRAIN_EPISODE = 3  # slot, episode
    SCORE_EPISODE = 4  # slot, episode
    PARENT = 5  # child
    MUTATE = 6  # child
    VARY = 7  # child
    CHILD_SCORE_EPISODE = 8  # child, episode
    TRANSFER_SCORE_EPISODE = 9  # row of the elite, episode
    BEGIN_TRAINING = 10  # child
    RETURN = 11  # slot
    TRANSFER_LEARNER = 12  # row of the elite, number of the trial as its source


class GoExplorePhase(enum.IntEnum):
    """Of Go-Explore."""

    START = 0
    SELECT = 1  # number of the round, as its source
    SEGMENT = 2  # number of the segment, as its episode, of all iterations
    POLICY = 3
