"""Every honest form of the same data gives the same bits, and is left as it was."""

import copy
from array import array
from collections import UserList, deque

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import learnt, random_params, same_bits

from chmm import Categorical, Gaussian, Model, Product
from chmm.sequences import read

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

try:
    import pandas
except ImportError:
    pandas = None

try:
    import polars
except ImportError:
    polars = None

PARAMS = random_params(np.random.default_rng(0), 3, 4)
X = np.random.default_rng(1).integers(0, 4, size=40)
LENGTHS = [7, 1, 20, 12]


def strided(x):
    padded = np.full((len(x), 3), 99)
    padded[:, 1] = x
    return padded[:, 1]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    raw = np.empty(8 * len(x) + 1, dtype=np.uint8)[1:].view(np.int64)
    raw[...] = x
    return raw


INTEGERS = [sign + width for sign in ("int", "uint") for width in ("8", "16", "32", "64")]
FORMS = {
    **{name: lambda x, name=name: x.astype(name) for name in INTEGERS},
    **{f"big-endian {code}": lambda x, code=code: x.astype(">" + code) for code in ("i2", "u4", "i8", "u8")},
    "whole floats": lambda x: x.astype(float),
    "object array": lambda x: x.astype(object),
    "strided": strided,
    "reversed view": lambda x: x[::-1].copy()[::-1],
    "unaligned": unaligned,
    "read-only": read_only,
    "one column": lambda x: x[:, None],
    "Fortran column": lambda x: np.asfortranarray(np.column_stack([x, x]))[:, :1],
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "list of NumPy integers": list,
    "unmasked masked array": np.ma.array,
    "array.array": lambda x: array("q", x.tolist()),
    "memoryview": memoryview,
    "deque": lambda x: deque(x.tolist()),
    "user's list": lambda x: UserList(x.tolist()),
}
if pandas is not None:
    FORMS |= {
        "Series": pandas.Series,
        "Series with another index": lambda x: pandas.Series(x, index=range(1000, 1000 + len(x))),
        "nullable Series": lambda x: pandas.Series(x, dtype="Int64"),
        "categorical Series": lambda x: pandas.Series(x, dtype="category"),
        "frame of one column": lambda x: pandas.DataFrame({"x": x}),
    }
if polars is not None:
    FORMS |= {"polars Series": polars.Series, "polars frame": lambda x: polars.DataFrame({"x": x})}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def answers(m, x):
    """All a model says about one sequence, as arrays."""
    named = [*m.decode(x), *m.forward(x), *m.backward(x), *m.posteriors(x, pairs=True)]
    return [np.asarray(a) for a in (*named, m.score(x), m.predict(x), m.predict_proba(x))]


def assert_same_answers(m, x, y):
    assert all(map(same_bits, answers(m, x), answers(m, y)))


@every_form
def test_one_sequence_in_any_form(form):
    assert_same_answers(PARAMS.model(), X, form(X))


@every_form
def test_many_sequences_in_any_form(form):
    m, parts = PARAMS.model(max_iter=2), np.split(X, np.cumsum(LENGTHS)[:-1])
    same = [form(part) for part in parts]
    assert m.score(same) == m.score(parts) == m.score(form(X), lengths=LENGTHS)
    assert_array_equal(np.concatenate(m.predict(same)), m.predict(form(X), lengths=LENGTHS))
    assert_array_equal(np.concatenate(m.predict_proba(same)), m.predict_proba(form(X), lengths=LENGTHS))
    for fitted in (m.fit(same), copy.deepcopy(m).fit(form(X), lengths=LENGTHS)):
        assert all(map(same_bits, learnt(fitted), learnt(PARAMS.model(max_iter=2).fit(parts))))


@pytest.mark.parametrize("seed", range(20))
def test_each_sequence_may_come_in_another_form(seed):
    rng, m, parts = np.random.default_rng(seed), PARAMS.model(), np.split(X, np.cumsum(LENGTHS)[:-1])
    forms = rng.choice(list(FORMS), len(parts))
    same = [np.empty(0), *(FORMS[form](part) for form, part in zip(forms, parts, strict=True)), []]
    assert m.score(same) == m.score(parts), forms
    assert_array_equal(np.concatenate(m.predict(same)), m.predict(X, lengths=LENGTHS))


def test_large_integers_stay_exact_beside_small_ones():
    large, small = 2**63 + np.array([1, 3, 1, 3], dtype=np.uint64), np.array([2**53 + 1, 7, 7])
    m = Model(2, random_state=0, max_iter=1).fit([large, small])
    assert m.emission_.symbols == (7, 2**53 + 1, 2**63 + 1, 2**63 + 3)
    assert m.score([large, small]) == m.score([large.tolist(), small.tolist()])
    assert Model(1).fit([small.astype(np.uint64), -small]).emission_.symbols == (-(2**53) - 1, -7, 7, 2**53 + 1)


@pytest.mark.parametrize("kind", [*INTEGERS, ">i8", ">u2"])
@pytest.mark.parametrize("n_symbols", [1, 2, 7, 127])
def test_a_code_beyond_the_last_symbol_is_told_from_those_within(kind, n_symbols):
    limits = np.iinfo(kind)
    m = Model(startprob=[1], transmat=[[1]], emission=Categorical([np.full(n_symbols, 1 / n_symbols)]))
    for code in {limits.min, -n_symbols, -1, 0, n_symbols - 1, n_symbols, 2 * n_symbols, limits.max // 2, limits.max}:
        if not limits.min <= code <= limits.max:
            continue
        x = np.zeros(40, dtype=kind)
        x[33] = code
        if 0 <= code < n_symbols:
            assert_allclose(m.score(x), -40 * np.log(n_symbols), rtol=1e-12, atol=1e-12)
        else:
            with pytest.raises(ValueError, match=rf"step 33: symbol {code} "):
                m.score(x)


def test_rows_of_one_number_are_that_number():
    for dtype in (np.int64, float, bool):
        parts = [part.astype(dtype) for part in np.split(X % 2, [20])]
        data, rows = read(parts), read([part[:, None].tolist() for part in parts])
        assert data.kind == rows.kind and same_bits(data.values, rows.values)
    assert_array_equal(read([[[1], [None], [2]], [[1]]]).missing, [False, True, False, False])


def test_rows_of_numbers_are_an_array_of_them():
    data = read([[[1, 2], [3, 4]], [[5, None]], [[True, 7]]])
    assert data.kind == "numbers" and data.bounds.tolist() == [0, 2, 3, 4]
    assert_array_equal(data.numbers, [[1, 2], [3, 4], [5, np.nan], [1, 7]])
    assert read([[[1, 2], [3, 4]], [[5, 6]]]).kind == "integers"


@pytest.mark.parametrize("container", [list, tuple, lambda parts: np.array([*parts, None], dtype=object)[:-1]],
                         ids=["list", "tuple", "object array"])  # fmt: skip
def test_containers_of_sequences(container):
    m, parts = PARAMS.model(), np.split(X, np.cumsum(LENGTHS)[:-1])
    assert m.score(container(parts)) == m.score(parts)
    paths = m.predict(container(parts))
    assert isinstance(paths, list) and list(map(len, paths)) == LENGTHS


@pytest.mark.parametrize(
    "lengths", [LENGTHS, tuple(LENGTHS), np.array(LENGTHS, dtype=np.uint8), np.array(LENGTHS, dtype=">i4")], ids=str
)
def test_lengths_in_any_form(lengths):
    m = PARAMS.model()
    assert m.score(X, lengths=lengths) == m.score(X, lengths=LENGTHS)
    assert len(m.predict(X, lengths=lengths)) == len(X)


def test_a_memory_map(tmp_path):
    on_disk = np.memmap(tmp_path / "x", dtype=np.int16, mode="w+", shape=X.shape)
    on_disk[:] = X
    on_disk.flush()
    assert_same_answers(PARAMS.model(), X, np.memmap(tmp_path / "x", dtype=np.int16, mode="r"))


def test_bools_are_symbols():
    params = random_params(np.random.default_rng(0), 3, 2)
    assert_same_answers(params.model(), X % 2, (X % 2).astype(bool))
    assert_same_answers(params.model(), X % 2, (X % 2).astype(bool).tolist())


WORDS = {"tuple": tuple, "array": np.array, "object array": lambda words: np.array(words, dtype=object)}
if pandas is not None:
    WORDS |= {"Series": pandas.Series, "categorical Series": lambda words: pandas.Series(words, dtype="category")}


@pytest.mark.parametrize("form", WORDS.values(), ids=WORDS)
def test_words_in_any_form(form):
    words = form(["red", "white", "red"])
    m = Model(
        startprob=[0.5, 0.5],
        transmat=np.eye(2),
        emission=Categorical([[0.5, 0.5], [0.2, 0.8]], symbols=["red", "white"]),
    )
    for verb in (m.decode, m.forward, m.backward, m.posteriors):
        assert all(map(np.array_equal, verb(words)[:2], verb(["red", "white", "red"])[:2]))
    assert m.score([words, words]) == m.score([["red", "white", "red"]] * 2)


# ------------------------------------------------------------------------------------------------------------- missing

HOLES = [0, None, 2, 3, None, 1, 0]
MISSING = {
    "NaN in a list": [float("nan") if v is None else v for v in HOLES],
    "NaN in an array": np.array([np.nan if v is None else v for v in HOLES]),
    "float32 NaN": np.array([np.nan if v is None else v for v in HOLES], dtype=np.float32),
    "object array": np.array(HOLES, dtype=object),
    "masked array": np.ma.array([0, 7, 2, 3, 7, 1, 0], mask=[v is None for v in HOLES]),
    "NaN in a column": np.array([[np.nan if v is None else v] for v in HOLES]),
}
if pandas is not None:
    MISSING |= {
        "pd.NA": [pandas.NA if v is None else v for v in HOLES],
        "Series": pandas.Series(HOLES),
        "nullable Series": pandas.Series(HOLES, dtype="Int64"),
        "frame": pandas.DataFrame({"x": HOLES}),
    }
if polars is not None:
    MISSING |= {"polars": polars.Series(HOLES), "polars frame": polars.DataFrame({"x": HOLES})}


@pytest.mark.parametrize("x", MISSING.values(), ids=MISSING)
def test_missing_in_any_form_is_a_row_of_ones(x):
    assert_same_answers(PARAMS.model(), HOLES, x)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_integers_with_nulls_are_integers(library):
    """Like a list with None: also beyond 2^53, where floats cannot hold them, and where a model chooses its family."""
    pytest.importorskip(library, reason="the Series are its own")
    made = (lambda x: pandas.Series(x, dtype="Int64")) if library == "pandas" else polars.Series
    for x in ([1, None, 9] * 4, [2**53 + 1, None, 2**53 + 3] * 4):
        fits = [Model(2, random_state=0, n_init=1, max_iter=2).fit(data) for data in (x, made(x))]
        assert fits[0].emission_.symbols == fits[1].emission_.symbols == tuple(x[::2][:2])
        assert same_bits(*(m.emission_.probs for m in fits))
    assert PARAMS.model().score(made([None, 1])[:1]) == 0


def test_missing_words():
    words = Model(pseudocount=1).fit([["red", None, "white"], ["red", "red", "white"]], ["xyx", "xyy"])
    assert list(words.emission_.symbols) == ["red", "white"]
    assert_allclose(
        words.score([["red", None]]), np.log(np.exp([words.score([["red", w]]) for w in ("red", "white")]).sum())
    )


def test_unknown_symbols_are_an_error_or_missing():
    probs = [[0.5, 0.5], [0.2, 0.8]]
    models = {how: Model(startprob=[0.3, 0.7], transmat=[[0.9, 0.1], [0.4, 0.6]],
                         emission=Categorical(probs, symbols=["red", "white"], unknown=how))
              for how in ("error", "missing")}  # fmt: skip
    with pytest.raises(ValueError, match="green"):
        models["error"].score([["red", "green"]])
    for verb in ("posteriors", "forward", "decode"):
        known, unknown = (getattr(models["missing"], verb)(["red", x, "white"]) for x in (None, "green"))
        assert_array_equal(known[0], unknown[0])
    assert models["missing"].score([["red", "green"]]) == models["missing"].score([["red", None]])


def test_unknown_symbols_in_fit_are_counted_in_the_report():
    m = Model(2, Categorical(symbols="ab", unknown="missing"), random_state=0, max_iter=2).fit(["abzab", "bazzq"])
    assert list(m.emission_.symbols) == ["a", "b"]
    assert "z" in str(m.report_) and "3" in str(m.report_)
    with pytest.raises(ValueError, match="z"):
        Model(2, Categorical(symbols="ab"), random_state=0).fit(["abzab", "ba"])


# ------------------------------------------------------------------------------------------ inputs are left in peace


@every_form
def test_inputs_are_never_written_to(form):
    given = form(X)
    before = np.array(given)
    m = PARAMS.model(max_iter=2)
    answers(m, given)
    m.fit([given, given])
    m.fit([given], [X % 3])
    assert_array_equal(np.asarray(given), np.asarray(before))


def test_answers_do_not_alias_inputs_or_each_other():
    m, x = PARAMS.model(), X.copy()
    first = answers(m, x)
    kept = copy.deepcopy(first)
    for answer in first:
        assert not np.shares_memory(answer, x)
        if answer.ndim and answer.flags.writeable:
            answer[...] = 0
    assert all(map(same_bits, answers(m, x), kept))


def test_elements_of_a_masked_array_are_missing():
    x = np.ma.array([0, 7, 2], mask=[0, 1, 0])
    assert_same_answers(PARAMS.model(), [0, None, 2], list(x))
    letters = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]],
                    emission=Categorical([[0.5, 0.5], [0.2, 0.8]], symbols="ab"))  # fmt: skip
    assert letters.score([["a", np.ma.masked, "b"]]) == letters.score([["a", None, "b"]])
    stream = letters.stream()
    assert [stream.push(o).surprise for o in ("a", np.ma.masked)][1] == 0.0


@pytest.mark.parametrize("gone", [[None, None], np.full(2, np.nan), np.array([None, None])])
def test_a_sequence_without_values_goes_with_any_other(gone):
    letters = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]],
                    emission=Categorical([[0.5, 0.5], [0.2, 0.8]], symbols="ab"))  # fmt: skip
    want = letters.score("ab")
    assert letters.score(gone) == 0.0
    for others in ("ab", ["a", "b"], np.array(["a", "b"])):
        assert letters.score([gone, others]) == letters.score([others, gone]) == want
    for y in (["xy", gone], [gone, "xy"]):
        assert Model(states="xy", pseudocount=1, max_iter=2).fit(["ab", "ba"], y).transmat_[0, 1] > 0.5


def test_a_column_without_values_goes_with_any_other():
    both = Product(c=Categorical([[0.5, 0.5], [0.2, 0.8]], symbols="ab"), g=Gaussian([0, 3], [1, 2]))
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=both)
    x = np.array([["a", 1.0], ["b", 2.0]], dtype=object)
    no_symbols, nothing = (np.array([[None, v]] * 2, dtype=object) for v in (1.0, None))
    numbers = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Gaussian([0, 3], [1, 2]))
    assert m.score(nothing) == 0.0
    assert m.score(no_symbols) == pytest.approx(numbers.score([1.0, 1.0]), rel=1e-12)
    for other in (no_symbols, nothing):
        assert m.score([x, other]) == m.score([other, x]) == pytest.approx(m.score(x) + m.score(other), rel=1e-12)
