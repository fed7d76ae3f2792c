"""Small models of every kind of symbol, and a sequence for each."""

import numpy as np
from shared import learnt, random_params, same_bits

from chmm import Categorical, Model


def tagger():
    return Model(states="BMES", final_states="ES", pseudocount=0.1).fit(
        ["今天天气真不错", "浦东新区在下雨", "我是真的喜欢晴天"], ["BEBESBE", "BMMESBE", "SSBEBEBE"]
    )


def weather():
    return Model(2, random_state=0, max_iter=10).fit([["walk", "shop", "clean"], ["clean", "clean", "shop"]])


def numbers():
    return Model(3, Categorical(symbols=[5, 0, 1_000_000], unknown="missing"), random_state=0, max_iter=4).fit(
        [[5, 0, 5, 1_000_000, 0]] * 3
    )


def given():
    return random_params(np.random.default_rng(0), 3, 4).model(states=[3, 1, 2], pseudocount=0.5)


def bools():
    return Model(states=[True, False], pseudocount=1).fit([[True, False, False]], [[True, True, False]])


MODELS = {
    "text": (tagger, "真是喜欢"),
    "words": (weather, ["walk", "clean"]),
    "integers": (numbers, [0, 5, 5, None, 77]),
    "given": (given, [0, 3, 2, 2]),
    "bools": (bools, [False, True, True]),
}


def assert_same(a, b, x):
    assert all(map(same_bits, learnt(a), learnt(b)))
    assert same_bits(a.states_, b.states_)
    assert list(a.emission_.symbols) == list(b.emission_.symbols)
    assert a.score([x]) == b.score([x])
    assert same_bits(a.decode(x).path, b.decode(x).path)
    assert repr(a) == repr(b)
