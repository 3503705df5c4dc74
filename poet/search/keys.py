"""The phases of all searches: the first part of every key, one for each use of randomness."""

import enum


class PoetPhase(enum.IntEnum):
    """Of POET."""

    START = 0
    TRAIN = 1
    TRAIN_EPISODE = 2
    SCORE_EPISODE = 3
    PARENT = 4
    MUTATE = 5
    CHILD_SCORE_EPISODE = 6
    CHILD_TRAIN_EPISODE = 7
    SEED_AGENT = 8
    PROPOSE = 9
    SET_AGENT = 10


class MapElitesPhase(enum.IntEnum):
    """Of MAP-Elites."""

    START = 0
    EMIT = 1
    EVALUATE = 2
    TELL = 3
    REEVALUATE = 4


class AskTellPhase(enum.IntEnum):
    """Of MAP-Elites by ask and tell."""

    EMIT = 0
    TELL = 1
    START = 2


class PairedPhase(enum.IntEnum):
    """Of MAP-Elites over pairs."""

    START = 0
    PARENT = 1
    MUTATE = 2
    VARY = 3
    SCORE_EPISODE = 4
    TRAIN = 5
    TRAIN_EPISODE = 6
    BEGIN_TRAINING = 7
