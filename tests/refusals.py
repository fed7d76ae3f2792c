"""Models to ask wrong questions, and the form in which wrong questions are listed.

Each row of a table: what is wrong, a call, the exception, and patterns of which each must occur in the message.
"""

import re
from functools import cache

import numpy as np
import pytest

from chmm import Categorical, Model

WRONG = (TypeError, ValueError)
BALLS = {"startprob": [0.2, 0.4, 0.4], "transmat": [[0.5, 0.2, 0.3], [0.3, 0.5, 0.2], [0.2, 0.3, 0.5]]}
COINS = [[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]]
X = [[0, 1, 1, 0, 1], [1, 0, 0]]
HALF = [0.5, 0.5]


@cache
def balls():
    return Model(**BALLS, emission=Categorical(COINS, symbols=["red", "white"]))


@cache
def coins():
    return Model(**BALLS, emission=Categorical(COINS))


@cache
def text():
    return Model(states="BMES", pseudocount=0.1).fit(["今天天气真不错", "浦东新区在下雨"], ["BEBESBE", "BMMESBE"])


@cache
def impossible():
    """State 1 alone emits "b", and it cannot be reached."""
    return Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical([[1, 0], [0.5, 0.5]], symbols="ab"))


def fit(*, X=X, y=None, n_states=2, **options):
    """A fit that works unless an option spoils it."""
    return Model(n_states, **{"random_state": 0, "max_iter": 2, **options}).fit(X, y)


def given(**spoilt):
    """A complete model, with something spoilt, and a question to it."""
    return Model(**{**BALLS, "emission": Categorical(COINS), **spoilt}).score(X)


def with_probs(probs, **options):
    return given(emission=Categorical(probs, **options))


def replaced(matrix, i, j, value):
    matrix = np.array(matrix)
    matrix[i, j] = value
    return matrix


TRANSPOSED = [[1, 0, 0.3], [0, 1, 0], [0, 0, 0.7]]  # the columns sum to 1


def with_transition(i, j, value):
    return given(transmat=replaced(BALLS["transmat"], i, j, value))


def assert_refused(case):
    _, call, exception, *patterns = case
    with pytest.raises(exception) as caught:
        call()
    message = str(caught.value)
    missing = [pattern for pattern in patterns if not re.search(pattern, message, re.IGNORECASE)]
    assert not missing, f"{missing} not in: {message}"
    assert 10 < len(message) < 700
