"""Bad data raise before anything happens, and the error names the argument, the position, the value and the way out."""

import datetime
import tempfile
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from refusals import WRONG, X, assert_refused, balls, coins, fit, text

from chmm import Gaussian, MarkovChain, Model, shards

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def indexed(ids, values):
    """A Series with two levels of index."""
    pandas = pytest.importorskip("pandas")
    return pandas.Series(values, index=pandas.MultiIndex.from_arrays([list(ids), range(len(ids))]))


def named_file(name):
    """A fit of the name of a file that exists."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / name).touch()
        fit(X=str(path))


DATA = [
    ("no data", lambda: fit(X=[]), ValueError, "X|data|sequence", "empty|no "),
    ("only empty sequences", lambda: fit(X=[[], []]), ValueError, "empty|no "),
    ("an empty text", lambda: fit(X=""), ValueError, "empty|no "),
    ("an empty array", lambda: fit(X=np.empty(0)), ValueError, "empty|no "),
    ("None", lambda: fit(X=None), TypeError, "X", "None"),
    ("a number", lambda: fit(X=5), TypeError, "X", "an int"),
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
    ("ids too few", lambda: coins().score([0, 1, 0], ids=[1, 1]), ValueError, "ids", "2 entries", "3 steps"),
    ("ids that come back", lambda: coins().score([0, 1, 0, 1], ids=["a", "b", "b", "a"]), ValueError, r"ids\[3\] = 'a'",
     "at 0", "sort"),
    ("ids that come back in an index", lambda: coins().score(indexed("aba", [0, 1, 1])), ValueError,
     r"index\[2\] = 'a'"),
    ("an id missing", lambda: coins().score([0, 1], ids=["a", None]), ValueError, r"ids\[1\]", "missing"),
    ("ids of two columns", lambda: coins().score([0, 1], ids=[[1, 1], [1, 1]]), TypeError, "ids", "one id"),
    ("lengths and ids", lambda: coins().score([0, 1], lengths=[2], ids=[1, 1]), ValueError, "lengths and ids"),
    ("ids with a list of sequences", lambda: coins().score(X, ids=[0] * 8), WRONG, "ids="),
    ("a place in a dict", lambda: coins().score({"a": [0, 1], "b": [1, 0, "x"]}), TypeError, r"X\['b'\]\[2\]", "'x'"),
    ("an unseen symbol in a dict", lambda: coins().score({"a": [0, 1], "b": [1, 7]}), ValueError, "'b', step 1", "7"),
    ("kinds that differ in a dict", lambda: coins().score({"a": [0, 1], "b": ["x"]}), TypeError, r"X\['b'\]", "words"),
    ("a number among lists of rows", lambda: coins().score([[[0], [1], 2], [[1], [0]]]), TypeError, r"X\[0\]", "rows"),
    ("rows of unlike widths", lambda: coins().score([[[0], [1, 1]], [[1], [0]]]), TypeError, r"X\[0\]", "rows"),
    ("sentences of pairs", lambda: fit(X=[[("the", "D"), ("dog", "N")], [("a", "D")]]), TypeError, r"X\[0\]",
     "words in X and the tags in y"),
    ("a sentence of pairs", lambda: fit(X=[("the", "D"), ("dog", "N")]), ValueError, r"\('the', 'D'\)",
     "words in X and the tags in y", r"list\(map\(list, X\)\)"),
    ("the name of a file", lambda: fit(X=__file__), ValueError, "test_bad_inputs", "names a file", "read_text"),
    ("names of files", lambda: fit(X=[__file__, __file__]), ValueError, "test_bad_inputs", "read_text"),
    ("the name of a table of text", lambda: named_file("prices.csv"), ValueError, "prices.csv", "read_csv"),
    ("the name of a file of numbers", lambda: named_file("a.npy"), ValueError, "a.npy", r"chmm.shards\(X\)"),
    ("names of files, by a wildcard", lambda: fit(X="data/*.parquet"), ValueError, r"chmm.shards\(X\)", "columns="),
    ("some numbers as strings", lambda: fit(X=[["1.5", "n/a", "2"]], emission=Gaussian()), TypeError,
     "'n/a' is not one", "coerce"),
    ("numbers as strings", lambda: fit(X=np.array(["1.5", "2.5", "1,024"])), ValueError, "strings", "to_numeric"),
    ("numbers as strings, to a family", lambda: Model(2, Gaussian()).fit([["1.5", "2.5", "1.5"]]), TypeError, "words",
     "to_numeric"),
    ("words to a family", lambda: Model(2, Gaussian()).fit([["a", "nan", "a"]]), TypeError, "Gaussian takes numbers$"),
    ("times", lambda: fit(X=np.array(["2020-01-01"], "M8[D]")), TypeError, "datetime64", "the index"),
    ("data in pieces", lambda: coins().bic(shards([[0, 1]])), TypeError, "X", "chmm.shards", "one piece"),
    ("an array of letters of which none recurs", lambda: fit(X=np.array(list("ACGT"))), ValueError, r"list\(X\)"),
    ("a table whose rows are sequences to a chain", lambda: MarkovChain().fit(np.array([[2, 4, 9], [2, 9, 4]])),
     ValueError, r"\(2, 3\)", r"list\(X\)"),
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
    ("y ends elsewhere", lambda: fit(states="ab", final_states="b", X="xy", y="ba"), ValueError, "final_states", "a"),
    ("y too short beside lengths", lambda: Model(2).fit([0, 1, 1, 0], [0, 1, 0], lengths=[2, 2]), ValueError,
     r"\by\b", "3 labels for 4 steps"),
    ("y with other keys", lambda: Model(2).fit({"a": [0, 1]}, {"b": [0, 1]}), ValueError, "keys of X", "'a'", "'b'"),
    ("y too short in a dict", lambda: Model(2).fit({"a": [0, 1]}, {"a": [0]}), ValueError, "'a'",
     "1 labels for 2 steps"),
    ("y of tags for words", lambda: Model().fit(["you", "are"], ["PRO", "VRB"]), ValueError, r"\by\b",
     "5 different labels on 6 characters", r"\[X\], \[y\]", "states="),
    ("y of short tags for words", lambda: Model().fit(["you", "are"], ["P", "V"]), ValueError, r"\by\b"),
    ("y of lengths unlike those of words", lambda: Model().fit(["you", "ran"], ["PRO", "VB"]), ValueError,
     "sequence 1: 2 labels for 3 steps", r"\[X\] and \[y\]"),
    ("y unknown as -1", lambda: fit(y=[[0, -1, 0, 1, 1], [0, 1, 0]]), ValueError, "-1", "None", "states="),
    ("sample_weight too short", lambda: Model(2).fit(X, sample_weight=[1]), ValueError, "sample_weight", "1", "2"),
    ("sample_weight negative", lambda: Model(2).fit(X, sample_weight=[1, -2]), ValueError, "sample_weight", "-2"),
    ("sample_weight NaN", lambda: Model(2).fit(X, sample_weight=[1, np.nan]), ValueError, "sample_weight", "nan"),
    ("sample_weight infinite", lambda: Model(2).fit(X, sample_weight=[1, np.inf]), ValueError, "sample_weight", "inf"),
    ("sample_weight all zero", lambda: Model(2).fit(X, sample_weight=[0, 0]), ValueError, "sample_weight", "0|zero"),
    ("sample_weight of words", lambda: Model(2).fit(X, sample_weight=["a", "b"]), WRONG, "sample_weight"),
    ("sample_weight without its name", lambda: Model(2).fit(X, None, None, [1, 1]), TypeError, "positional"),
]  # fmt: skip

TABLE = [*DATA, *LABELS]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case[0])
def test_bad_input_is_refused_in_plain_words(case):
    assert_refused(case)


def test_the_names_in_the_table_differ():
    names = [case[0] for case in TABLE]
    assert len(names) == len(set(names)) >= 60


def test_an_error_about_much_data_does_not_print_it():
    with pytest.raises(ValueError) as caught:
        balls().score([["red"] * 10_000, ["green" * 1000]])
    assert len(str(caught.value)) < 1000


def test_rows_of_words_are_told_apart():
    for row in (("the", "D"), ("the", "D", "B-NP"), ["the", "D"]):
        with pytest.raises(TypeError, match=r"of a word and its tag, come apart.*y = "):
            Model(2).fit([[row, row], [row]])
    with pytest.raises(TypeError, match=r"a step of one word is the word itself, 'the' for \['the'\]"):
        Model(2).fit([[["the"], ["dog"]], [["a"]]])
