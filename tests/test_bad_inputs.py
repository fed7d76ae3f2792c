"""Bad input raises before anything happens, and the error names the argument, the position, the value and the way out.

Each row of the table: what is wrong, a call, the exception, and patterns of which each must occur in the message.
"""

import datetime
import re
from collections import deque
from functools import cache

import numpy as np
import pytest

from chmm import Categorical, MarkovChain, Model, NotFittedError, Segmenter

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

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


def unnormalized():
    return Model(**BALLS, emission=Categorical([[1, 2]] * 3, normalized=False))


CONSTRUCTOR = [
    ("n_states zero", lambda: fit(n_states=0), ValueError, "n_states", "0"),
    ("n_states negative", lambda: fit(n_states=-1), ValueError, "n_states", "-1"),
    ("n_states fractional", lambda: fit(n_states=2.5), WRONG, "n_states", r"2\.5"),
    ("n_states a bool", lambda: fit(n_states=True), WRONG, "n_states", "True"),
    ("n_states a word", lambda: fit(n_states="three"), WRONG, "n_states", "three"),
    ("n_states huge", lambda: fit(n_states=10**12), (ValueError, MemoryError), "n_states|memory|states"),
    ("n_states missing", lambda: fit(n_states=None), WRONG, "n_states"),
    ("n_states against startprob", lambda: given(n_states=4), ValueError, "n_states|startprob", "4", "3"),
    ("tol negative", lambda: fit(tol=-1e-3), ValueError, "tol", r"-0?\.?0*1"),
    ("tol infinite", lambda: fit(tol=np.inf), ValueError, "tol", "inf"),
    ("tol NaN", lambda: fit(tol=np.nan), ValueError, "tol", "nan"),
    ("tol a word", lambda: fit(tol="tight"), WRONG, "tol", "tight"),
    ("max_iter zero", lambda: fit(max_iter=0), ValueError, "max_iter", "0"),
    ("max_iter negative", lambda: fit(max_iter=-5), ValueError, "max_iter", "-5"),
    ("max_iter fractional", lambda: fit(max_iter=2.5), WRONG, "max_iter", r"2\.5"),
    ("n_init zero", lambda: fit(n_init=0), ValueError, "n_init", "0"),
    ("n_init fractional", lambda: fit(n_init=1.5), WRONG, "n_init", r"1\.5"),
    ("n_jobs zero", lambda: fit(n_jobs=0), ValueError, "n_jobs", "0"),
    ("n_jobs a word", lambda: fit(n_jobs="all"), WRONG, "n_jobs", "all"),
    ("n_jobs fractional", lambda: fit(n_jobs=1.5), WRONG, "n_jobs", r"1\.5"),
    ("random_state a word", lambda: fit(random_state="x"), WRONG, "random_state", "x"),
    ("random_state negative", lambda: fit(random_state=-1), ValueError, "random_state", "-1"),
    ("random_state fractional", lambda: fit(random_state=0.5), WRONG, "random_state", r"0\.5"),
    ("pseudocount negative", lambda: fit(pseudocount=-0.5), ValueError, "pseudocount", r"-0\.5"),
    ("pseudocount NaN", lambda: fit(pseudocount=np.nan), ValueError, "pseudocount", "nan"),
    ("pseudocount infinite", lambda: fit(pseudocount=np.inf), ValueError, "pseudocount", "inf"),
    ("pseudocount a word", lambda: fit(pseudocount="some"), WRONG, "pseudocount", "some"),
    ("emission unheard of", lambda: fit(emission="gauss"), WRONG, "emission", "gauss"),
    ("emission a number", lambda: fit(emission=3), WRONG, "emission", "3"),
    ("emission a class", lambda: fit(emission=Categorical), WRONG, "emission", "Categorical"),
    ("emission a table", lambda: fit(emission=[HALF, HALF]), WRONG, "emission", "Categorical"),
    ("an option unheard of", lambda: Model(2, n_iter=3), TypeError, "n_iter"),
    ("states twice", lambda: given(states=["a", "b", "a"]), ValueError, "states", "a"),
    ("states too few", lambda: given(states="ab"), ValueError, "states", "2", "3"),
    ("states too many", lambda: given(states="abcd"), ValueError, "states", "4", "3"),
    ("states against n_states", lambda: fit(states="abc"), ValueError, "states", "3", "2"),
    ("states of mixed kinds", lambda: given(states=["a", 1, True]), WRONG, "states"),
    ("states fractional", lambda: given(states=[0.5, 1.5, 2.5]), WRONG, "states", r"0\.5"),
    ("states a number", lambda: given(states=3), WRONG, "states", "3", "n_states|list|names"),
    ("states empty", lambda: fit(states=[], n_states=None), ValueError, "states"),
    ("state None", lambda: given(states=["a", None, "b"]), WRONG, "states", "None"),
    ("final_states unheard of", lambda: given(states="abc", final_states="az"), ValueError, "final_states", "z"),
    ("final_states out of range", lambda: given(final_states=[3]), ValueError, "final_states", "3"),
    ("final_states empty", lambda: given(final_states=[]), ValueError, "final_states"),
    ("final_states one number", lambda: given(final_states=1), WRONG, "final_states", "1"),
]  # fmt: skip

PARAMETERS = [
    ("startprob negative", lambda: given(startprob=[-0.2, 0.8, 0.4]), ValueError, "startprob", r"-0\.2"),
    ("startprob NaN", lambda: given(startprob=[np.nan, 0.5, 0.5]), ValueError, "startprob", "nan"),
    ("startprob infinite", lambda: given(startprob=[np.inf, 0.5, 0.5]), ValueError, "startprob", "inf"),
    ("startprob sums to 0.9", lambda: given(startprob=[0.1, 0.4, 0.4]), ValueError, "startprob", r"0\.9|0\.89"),
    ("startprob off by 2e-6", lambda: given(startprob=[0.2, 0.4, 0.400002]), ValueError, "startprob", r"1\.000002"),
    ("startprob all zero", lambda: given(startprob=[0, 0, 0]), ValueError, "startprob", "0"),
    ("startprob too long", lambda: given(startprob=[0.25] * 4), ValueError, "startprob|transmat", "4", "3"),
    ("startprob a matrix", lambda: given(startprob=np.full((2, 3), 0.5)), ValueError, "startprob", r"\b2\b", r"\b3\b"),
    ("startprob of words", lambda: given(startprob=["a", "b", "c"]), WRONG, "startprob"),
    ("startprob complex", lambda: given(startprob=[0.2 + 1j, 0.4, 0.4]), WRONG, "startprob"),
    ("startprob a number", lambda: given(startprob=0.5), WRONG, "startprob"),
    ("transmat not square", lambda: given(transmat=BALLS["transmat"][:2]), ValueError, "transmat", r"\b2\b", r"\b3\b"),
    ("transmat a row", lambda: given(transmat=BALLS["startprob"]), ValueError, "transmat", r"\(3,\)"),
    ("transmat too large", lambda: given(transmat=np.eye(4)), ValueError, "transmat|startprob", "4", "3"),
    ("transmat ragged", lambda: given(transmat=[[1, 0, 0], [1, 0], [1]]), WRONG, "transmat"),
    ("transmat negative", lambda: with_transition(1, 2, -0.2), ValueError, "transmat", r"\b1\b", r"-0\.2"),
    ("transmat NaN", lambda: with_transition(2, 0, np.nan), ValueError, "transmat", r"\b2\b", "nan"),
    ("transmat row off", lambda: with_transition(1, 1, 0.6), ValueError, "transmat", r"\b1\b", r"1\.1"),
    ("transmat transposed", lambda: given(transmat=TRANSPOSED), ValueError, "transmat", r"1\.3"),
    ("probs negative", lambda: with_probs(replaced(COINS, 2, 1, -0.3)), ValueError, "probs", r"\b2\b", r"-0\.3"),
    ("probs NaN", lambda: with_probs(replaced(COINS, 1, 1, np.nan)), ValueError, "probs", r"\b1\b", "nan"),
    ("probs row off", lambda: with_probs([HALF, [0.4, 0.5], HALF]), ValueError, "probs", r"\b1\b", r"0\.9"),
    ("probs one row", lambda: with_probs(HALF), ValueError, "probs", r"\(2,\)"),
    ("probs too few rows", lambda: with_probs(COINS[:2]), ValueError, "probs|emission", "2", "3"),
    ("probs without columns", lambda: with_probs(np.empty((3, 0))), ValueError, "probs"),
    ("symbols too many", lambda: with_probs(COINS, symbols="abc"), ValueError, "symbols", "3", "2"),
    ("symbols twice", lambda: with_probs(COINS, symbols=["a", "a"]), ValueError, "symbols", "a"),
    ("symbols of mixed kinds", lambda: with_probs(COINS, symbols=["a", 1]), WRONG, "symbols"),
    ("symbols fractional", lambda: with_probs(COINS, symbols=[0.5, 1.5]), WRONG, "symbols", r"0\.5"),
    ("symbols a set", lambda: with_probs(COINS, symbols={"a", "b"}), WRONG, "symbols", "set"),
    ("unknown unheard of", lambda: with_probs(COINS, unknown="ignore"), ValueError, "unknown", "ignore", "missing"),
    ("pseudocount of B negative", lambda: fit(emission=Categorical(pseudocount=-1)), ValueError, "pseudocount", "-1"),
    ("not normalized rows in fit", lambda: unnormalized().fit(X), ValueError, "normalized"),
    ("not normalized rows in sample", lambda: unnormalized().sample(3), ValueError, "normalized"),
]  # fmt: skip

DATA = [
    ("no data", lambda: fit(X=[]), ValueError, "X|data|sequence", "empty|no "),
    ("only empty sequences", lambda: fit(X=[[], []]), ValueError, "empty|no "),
    ("an empty text", lambda: fit(X=""), ValueError, "empty|no "),
    ("an empty array", lambda: fit(X=np.empty(0)), ValueError, "empty|no "),
    ("None", lambda: fit(X=None), TypeError, "X", "None"),
    ("a number", lambda: fit(X=5), TypeError, "X", "5|int"),
    ("a set", lambda: fit(X={1, 2, 3}), TypeError, "X", "set"),
    ("a dict", lambda: fit(X={"a": 1}), TypeError, "X", "dict"),
    ("a generator", lambda: fit(X=(x for x in X)), TypeError, "X", "generator", "list"),
    ("a deque of sets", lambda: fit(X=deque([{1, 2}])), TypeError, "X|sequence", "deque|set"),
    ("a sequence which is a set", lambda: coins().score([[0, 1], {0, 1}]), TypeError, r"\b1\b", "set"),
    ("a sequence which is a number", lambda: coins().score([[0, 1], 5]), WRONG, r"\b1\b", "5|int"),
    ("a sequence which is None", lambda: coins().score([[0, 1], None, [0]]), WRONG, r"\b1\b", "None"),
    ("3-D", lambda: coins().score(np.zeros((2, 3, 4), int)), ValueError, "X", r"\(2, 3, 4\)|3-D|three|3 dim", "list"),
    ("0-D", lambda: coins().score(np.array(3)), WRONG, "X", r"\(\)|0-D|scalar|single|number"),
    ("two columns", lambda: coins().score(np.zeros((5, 2), int)), ValueError, r"5, 2|2 col", "lengths|list"),
    ("two columns in fit", lambda: fit(X=np.eye(5, 2, dtype=int)), ValueError, r"5, 2|2 col", "lengths|list"),
    ("lists too deep", lambda: coins().score([[[0, 1], [1, 0]], [[0, 1], [1, 1]]]), WRONG, "list|nested|deep|3-D|col"),
    ("a ragged sequence", lambda: coins().decode([0, [1, 0]]), WRONG, r"\b1\b|list|nested"),
    ("several sequences of one step", lambda: coins().score([[0], [1], [1]]), ValueError, "one|single", "lengths"),
    ("texts of one character", lambda: text().score(["今", "天"]), ValueError, r"''\.join\(X\), lengths=\[1\] \* 2"),
    ("bytes of one character", lambda: text().score([b"a", b"b"]), ValueError, r"b''\.join\(X\)"),
    ("the place in a list of lists", lambda: coins().score([[0, 1], [1, 0, "x"]]), TypeError, r"X\[1\]\[2\]", "'x'"),
    ("a bool in the second list", lambda: coins().score([[0, 1], [1, True]]), TypeError, r"X\[1\]\[1\]", "True"),
    ("a word among numbers", lambda: fit(X=[0.5, 3, "x"]), TypeError, r"X\[2\]", "'x'"),
    ("beyond 64 bits in a list", lambda: coins().score([[0, 1], [1, 2**64]]), ValueError, r"X\[1\]\[1\]", "64 bits"),
    ("too far apart", lambda: fit(X=[np.array([-3, 1]), np.array([2**63, 1], np.uint64)]), ValueError, "X", "-3",
     str(2**63), "64 bits"),
    ("a third dimension", lambda: fit(X=[np.ones((2, 2)), np.ones((2, 2, 2))]), ValueError, r"X\[1\]", "3 dim"),
    ("columns that differ", lambda: fit(X=[np.ones((2, 2)), np.ones((2, 3))]), ValueError, r"X\[1\]", r"2, 3"),
    ("one-step sequences in fit", lambda: fit(X=[[0.0], [1.0], [0.0]]), ValueError, "lengths"),
    ("characters of a text in a list", lambda: text().predict(list("今天天气")), ValueError, "lengths|join|string|str"),
    ("characters of a text in a list in fit", lambda: fit(X=list("ACGT")), ValueError, "lengths|join|string|str"),
    ("an array of words of which none recurs", lambda: fit(X=np.array(["ACGT", "CCGA"])), ValueError, r"list|\[X\]"),
    ("many under a verb for one", lambda: coins().decode(X), WRONG, "one|predict|X"),
    ("a text in a list under a verb for one", lambda: text().decode(["今天"]), TypeError, "text|str", "as it is|list"),
    ("words under a verb for many", lambda: balls().predict(["red", "white"]), TypeError, "words?", r"text|\[\["),
    ("text for words", lambda: balls().decode("red"), TypeError, "text|str", "words?"),
    ("text for integers", lambda: coins().decode("0101"), TypeError, "text|str", "integer"),
    ("integers for text", lambda: text().decode([0, 1]), TypeError, "text|str|character", "integer"),
    ("words for integers", lambda: coins().score([["0", "1"]]), TypeError, "words?|text|str", "integer"),
    ("negative symbol", lambda: coins().score([[0, 1], [1, -1, 0]]), ValueError, r"sequence\D*1", r"step\D*1", "-1"),
    ("fractional symbol", lambda: coins().score([[0, 1], [1, 0, 0.5]]), WRONG, r"0\.5", r"sequence\D*1|whole|integer"),
    ("unseen number", lambda: coins().score([[0, 1], [1, 0, 7]]), ValueError, r"sequence\D*1", r"step\D*2", "7"),
    ("unseen huge number", lambda: coins().decode(np.uint64([0, 2**64 - 1])), ValueError, str(2**64 - 1), r"step\D*1"),
    ("a number too large for anything", lambda: coins().decode([0, 10**30]), WRONG, "10{30}|1e|int|large"),
    ("unseen word", lambda: balls().decode(["red", "green"]), ValueError, "green", r"step\D*1", "unknown"),
    ("unseen character", lambda: text().decode("今天Z"), ValueError, "Z", r"step\D*2", "unknown"),
    ("numbers and words", lambda: fit(X=[[1, "a", 1], [1, "a"]]), TypeError, "mix|kind|str|text|words"),
    ("infinite", lambda: coins().score([[0, np.inf]]), WRONG, "inf"),
    ("infinite in fit", lambda: fit(X=[[0.5, np.inf], [0.5, 0.1]]), WRONG, "inf"),
    ("complex", lambda: coins().decode(np.array([0, 1j])), WRONG, "complex"),
    ("complex in fit", lambda: fit(X=np.array([0, 1j, 0])), WRONG, "complex"),
    ("datetimes", lambda: fit(X=np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")), WRONG, "datetime|date"),
    ("date objects", lambda: fit(X=[[datetime.date(2020, 1, 1)] * 3]), WRONG, "date"),
    ("time differences", lambda: coins().decode(np.array([0, 1], dtype="m8[s]")), WRONG, "timedelta|time"),
    ("many integers under auto", lambda: fit(X=np.arange(1000)), ValueError, "Categorical", "1,?000|64"),
    ("whole floats under auto", lambda: fit(X=[[1.0, 2.0, 3.0], [2.0, 1.0]]), WRONG, "Categorical|Gaussian"),
    ("lengths too short", lambda: coins().score([0, 1, 0], lengths=[1, 1]), ValueError, "lengths", "2", "3"),
    ("lengths too long", lambda: coins().score([0, 1, 0], lengths=[2, 2]), ValueError, "lengths", "4", "3"),
    ("lengths negative", lambda: coins().score([0, 1, 0], lengths=[4, -1]), ValueError, "lengths", "-1"),
    ("lengths fractional", lambda: coins().score([0, 1, 0], lengths=[1.5, 1.5]), WRONG, "lengths", r"1\.5"),
    ("lengths a word", lambda: coins().score([0, 1, 0], lengths="abc"), WRONG, "lengths"),
    ("lengths a matrix", lambda: coins().score([0, 1, 0], lengths=[[1, 2]]), WRONG, "lengths"),
    ("lengths ragged", lambda: coins().score([0, 1, 0], lengths=[[1], [1, 1]]), WRONG, "lengths", r"\[1, 1\]"),
    ("lengths overflowing", lambda: coins().score([0, 1, 0], lengths=[2**63 - 1, 2**63 - 1, 5]), WRONG, "lengths"),
    ("lengths with a list of sequences", lambda: coins().score(X, lengths=[5, 3]), WRONG, "lengths"),
    ("lengths without their name", lambda: coins().score([0, 1, 0], None, [1, 2]), TypeError, "positional"),
]  # fmt: skip

LABELS = [
    ("y too few", lambda: fit(y=[[0, 1, 0, 1, 1]]), ValueError, r"\by\b", r"\b1\b", r"\b2\b"),
    ("y too short", lambda: fit(y=[[0, 1, 0, 1, 1], [0, 1]]), ValueError, r"\by\b", r"sequence\D*1", "2", "3"),
    ("y like lengths", lambda: fit(X=[0, 1, 1, 0, 1, 1, 0, 0], y=[5, 3]), ValueError, "lengths"),
    ("y too many states", lambda: fit(y=[[0, 1, 2, 1, 1], [0, 1, 0]]), ValueError, r"n_states|\by\b", "3", "2"),
    ("y unknown state", lambda: fit(states="ab", X=["xyx"], y=["abz"]), ValueError, r"\by\b", "z", "states"),
    ("y fractional", lambda: fit(y=[[0, 0.5, 0, 1, 1], [0, 1, 0]]), WRONG, r"\by\b", r"0\.5"),
    ("y of mixed kinds", lambda: fit(y=[[0, "a", 0, 1, 1], [0, 1, 0]]), WRONG, r"\by\b"),
    ("y of dates", lambda: fit(X=[0, 1], y=np.array(["2020", "2021"], dtype="M8[Y]")), WRONG, r"\by\b", "date"),
    ("y one text for two sequences", lambda: fit(y="ababa"), WRONG, r"\by\b"),
    ("y partly unknown", lambda: fit(X="ab", y=[0, None]), NotImplementedError, r"\by\b", "missing|None|unknown"),
    ("y soft", lambda: fit(X=[0, 1], y=np.array([[1, 0], [0.5, 0.5]])), ValueError, r"y has shape \(2, 2\)", "label"),
    ("y partly NaN", lambda: fit(X="abc", y=np.array([0, 1, np.nan])), NotImplementedError, "y, step 2: .*unknown"),
    ("y unknown in score", lambda: coins().score(X, [[0, 1, 2, 7, 0], [0, 0, 0]]), ValueError, r"\by\b", "7"),
    ("y ends elsewhere", lambda: fit(states="ab", final_states="b", X="xy", y="ba"), ValueError, "final_states", "a"),
    ("sample_weight too short", lambda: Model(2).fit(X, sample_weight=[1]), ValueError, "sample_weight", "1", "2"),
    ("sample_weight negative", lambda: Model(2).fit(X, sample_weight=[1, -2]), ValueError, "sample_weight", "-2"),
    ("sample_weight NaN", lambda: Model(2).fit(X, sample_weight=[1, np.nan]), ValueError, "sample_weight", "nan"),
    ("sample_weight infinite", lambda: Model(2).fit(X, sample_weight=[1, np.inf]), ValueError, "sample_weight", "inf"),
    ("sample_weight all zero", lambda: Model(2).fit(X, sample_weight=[0, 0]), ValueError, "sample_weight", "0|zero"),
    ("sample_weight of words", lambda: Model(2).fit(X, sample_weight=["a", "b"]), WRONG, "sample_weight"),
    ("sample_weight without its name", lambda: Model(2).fit(X, None, None, [1, 1]), TypeError, "positional"),
]  # fmt: skip

NO_WAY, SECOND = (r"\bb\b", "pseudocount"), (r"sequence\D*1", r"step\D*1")

VERBS = [
    ("impossible under decode", lambda: impossible().decode("aab"), ValueError, r"step\D*2", *NO_WAY),
    ("impossible under forward", lambda: impossible().forward("aab"), ValueError, r"step\D*2", *NO_WAY),
    ("impossible under backward", lambda: impossible().backward("aab"), ValueError, r"step\D*2", *NO_WAY),
    ("impossible under posteriors", lambda: impossible().posteriors("aab"), ValueError, r"step\D*2", *NO_WAY),
    ("impossible under predict", lambda: impossible().predict(["aa", "aba"]), ValueError, *SECOND, *NO_WAY),
    ("impossible under predict_proba", lambda: impossible().predict_proba(["aa", "aba"]), ValueError, *SECOND, *NO_WAY),
    ("impossible under fit", lambda: impossible().fit(["aa", "aba"]), ValueError, *SECOND, *NO_WAY),
    ("unscaled alpha underflows", lambda: coins().forward([0, 1] * 1000, scaled=False), ValueError, "scaled"),
    ("unscaled beta underflows", lambda: coins().backward([0, 1] * 1000, scaled=False), ValueError, "scaled"),
    ("scaled without its name", lambda: coins().forward([0, 1], False), TypeError, "positional"),
    ("sample negative", lambda: coins().sample(-1), ValueError, "n_steps", "-1"),
    ("sample fractional", lambda: coins().sample(2.5), WRONG, "n_steps", r"2\.5"),
    ("sample a word", lambda: coins().sample("ten"), WRONG, "n_steps", "ten"),
    ("sample sequences negative", lambda: coins().sample(5, -2), ValueError, "n_sequences", "-2"),
    ("sample sequences fractional", lambda: coins().sample(5, 1.5), WRONG, "n_sequences", r"1\.5"),
    ("sample random_state a word", lambda: coins().sample(5, random_state="x"), WRONG, "random_state", "x"),
    ("sample without end", lambda: coins().sample(10**18), (ValueError, MemoryError), "n_steps|memory|allocate"),
    *((f"not fitted: {name}", call, NotFittedError, "fit") for name, call in {
        "score": lambda: Model(2).score(X),
        "predict": lambda: Model(2).predict(X),
        "predict_proba": lambda: Model(2).predict_proba(X),
        "decode": lambda: Model(2).decode(X[0]),
        "forward": lambda: Model(2).forward(X[0]),
        "backward": lambda: Model(2).backward(X[0]),
        "posteriors": lambda: Model(2).posteriors(X[0]),
        "sample": lambda: Model(2).sample(3),
        "stationary_distribution": lambda: Model(2).stationary_distribution(),
        "half given": lambda: Model(startprob=HALF, transmat=[HALF, HALF]).score(X),
        "a chain": lambda: MarkovChain().score(X),
        "a sample of a chain": lambda: MarkovChain().sample(3),
        "a segmenter": lambda: Segmenter().cut("今天"),
        "an evaluation": lambda: Segmenter().evaluate(["今天 天气"]),
    }.items()),
    ("saving what is not fitted", lambda: Model(2).save("/nowhere/at/all"), (NotFittedError, OSError), "fit|nowhere"),
    ("loading what is not there", lambda: Model.load("/nowhere/at/all"), OSError, "nowhere"),
    ("chain without data", lambda: MarkovChain().fit([]), ValueError, "empty|no "),
    ("chain of fractions", lambda: MarkovChain().fit([[0.5, 1.5]]), WRONG, r"0\.5|whole|float|number"),
    ("chain row off", lambda: MarkovChain(startprob=HALF, transmat=[HALF, [1, 1]]).score(X), ValueError, "trans", "2"),
    ("chain of unknown states", lambda: MarkovChain().fit(["abab"]).score(["abz"]), ValueError, "z"),
    ("segmenter without data", lambda: Segmenter().fit([]), ValueError, "empty|no "),
    ("segmenter cuts a number", lambda: Segmenter().fit(["今天 天气"]).cut(5), TypeError, "text|str", "5|int"),
    ("segmenter cuts words", lambda: Segmenter().fit(["今天 天气"]).cut([["今天"]]), TypeError, "line 0", "str"),
    ("segmenter fits a text", lambda: Segmenter().fit("今天 天气"), WRONG, "lines?|list"),
    ("segmenter with an empty word", lambda: Segmenter().fit([["今天", ""]]), ValueError, "empty|word"),
]  # fmt: skip

TABLE = [*CONSTRUCTOR, *PARAMETERS, *DATA, *LABELS, *VERBS]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case[0])
def test_bad_input_is_refused_in_plain_words(case):
    _, call, exception, *patterns = case
    with pytest.raises(exception) as caught:
        call()
    message = str(caught.value)
    missing = [pattern for pattern in patterns if not re.search(pattern, message, re.IGNORECASE)]
    assert not missing, f"{missing} not in: {message}"


def test_the_names_in_the_table_differ():
    names = [case[0] for case in TABLE]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", [*DATA, *LABELS], ids=lambda case: case[0])
def test_messages_are_short_enough_to_read(case):
    with pytest.raises(Exception) as caught:
        case[1]()
    assert 10 < len(str(caught.value)) < 600


def test_an_error_about_much_data_does_not_print_it():
    with pytest.raises(ValueError) as caught:
        balls().score([["red"] * 10_000, ["green" * 1000]])
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("off", [1e-7, -1e-7, 9e-7])
def test_rows_within_a_millionth_of_one_are_taken(off):
    assert np.isfinite(given(startprob=[0.2, 0.4, 0.4 + off], transmat=replaced(BALLS["transmat"], 1, 1, 0.5 + off)))


def test_not_fitted_is_found_by_either_of_its_bases():
    assert issubclass(NotFittedError, ValueError) and issubclass(NotFittedError, AttributeError)
