"""Bad arguments raise before anything happens, and the error names the argument, the value and the way out."""

import numpy as np
import pytest
from refusals import (
    BALLS,
    COINS,
    HALF,
    TRANSPOSED,
    WRONG,
    X,
    assert_refused,
    coins,
    fit,
    given,
    impossible,
    replaced,
    with_probs,
    with_transition,
)

from chmm import Categorical, Gaussian, MarkovChain, Model, NotFittedError, Segmenter, Tied, normality

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

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
    ("n_init without end", lambda: fit(n_init=10**400), ValueError, "n_init", "at most 1,000,000"),
    ("accelerate a word", lambda: fit(accelerate="yes"), ValueError, "accelerate", "yes"),
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
    ("rows that are scores", lambda: with_probs([[1, 2]] * 3), ValueError, r"probs\[0\] sums to 3", "Scores"),
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
    ("pairs a word", lambda: coins().posteriors(X, pairs="no"), ValueError, "pairs", "no"),
    ("forward scaled a list", lambda: coins().forward(X, scaled=[0]), ValueError, "scaled"),
    ("backward scaled an array", lambda: coins().backward(X, scaled=np.ones(2)), ValueError, "scaled"),
    ("viterbi scaled a word", lambda: coins().viterbi(X, scaled="no"), ValueError, "scaled", "no"),
    ("ended ragged", lambda: fit(endprob=True).score(X, ended=[[True], [True, False]]), ValueError, "ended"),
    ("states an array without axes", lambda: fit(states=np.array(1)), TypeError, "states"),
    ("states a table", lambda: fit(states=np.eye(2, dtype=int)), TypeError, "states"),
    ("frozen holds no names", lambda: fit(frozen=[None]), ValueError, "frozen holds None"),
    ("residuals missing", lambda: normality(None), ValueError, "residuals hold 0 numbers"),
    ("groups too large", lambda: Tied(Gaussian(), [0, 2**62]), ValueError, "groups"),
    ("groups ragged", lambda: Tied(Gaussian(), [[0], [1, 2]]), ValueError, "groups"),
    ("push a table", lambda: coins().stream().push([[0, 1], [0]]), ValueError, "step 0"),
    ("push two steps", lambda: coins().stream().push(np.ones((2, 1), dtype=int)), ValueError, "2 steps"),
    ("push what is known, ragged", lambda: coins().stream().push(0, [[1], [1, 0]]), ValueError, "known"),
    ("segmenter learns a number", lambda: Segmenter().fit([np.array(1)]), TypeError, "line 0"),
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

TABLE = [*CONSTRUCTOR, *PARAMETERS, *VERBS]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case[0])
def test_bad_arguments_are_refused_in_plain_words(case):
    assert_refused(case)


def test_the_names_in_the_table_differ():
    names = [case[0] for case in TABLE]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("off", [1e-7, -1e-7, 9e-7])
def test_rows_within_a_millionth_of_one_are_taken(off):
    assert np.isfinite(given(startprob=[0.2, 0.4, 0.4 + off], transmat=replaced(BALLS["transmat"], 1, 1, 0.5 + off)))


def test_not_fitted_is_found_by_either_of_its_bases():
    assert issubclass(NotFittedError, ValueError) and issubclass(NotFittedError, AttributeError)
