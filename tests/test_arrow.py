"""Data in Arrow's format, and frames with a column of ids, are what they would be as lists and arrays."""

import contextlib
import datetime
import importlib
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shared import same_bits

from chmm import Categorical, Gaussian, Model, Product, sequences, shards
from chmm.reading import Columns

pa = pytest.importorskip("pyarrow", reason="these are forms of pyarrow's data")
pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}
M = Model(**TWO, emission=Categorical([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]))
W = Model(**TWO, emission=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=["walk", "shop"]))
G = Model(**TWO, emission=Gaussian([0.0, 3.0], [1.0, 1.0]))


def read(X, **options):
    return sequences.read(X, kind="words", **options)


def assert_same(data, expected):
    """The same sequences: their kinds, values, gaps, limits and names."""
    assert (data.kind, data.form, data.names) == (expected.kind, expected.form, expected.names)
    assert_array_equal(data.bounds, expected.bounds)
    parts = [(data, expected)]
    if isinstance(data.values, Columns):
        parts = zip(data.values.parts, expected.values.parts, strict=True)
    for one, other in parts:
        assert one.kind == other.kind
        gone, lost = (np.zeros(len(p.values), bool) if p.missing is None else p.missing for p in (one, other))
        assert_array_equal(gone, lost)
        if one.kind == "numbers":
            assert_array_equal(one.values, other.values)
        else:
            seen = [[v for v, no in zip(part.values, gone) if not no] for part in (one, other)]
            assert seen[0] == seen[1]


FLAT = {
    "int8": (pa.int8(), [0, 2, 1, 1, 2]),
    "uint64": (pa.uint64(), [0, 2**64 - 1, 1]),
    "integers with nulls": (pa.int32(), [0, None, 1, None]),
    "large integers with nulls": (pa.int64(), [2**60 + 1, None, -3]),
    "floats": (pa.float64(), [0.5, -1.0, 2.0]),
    "floats with nulls": (pa.float32(), [0.5, None, 2.0]),
    "half floats": (pa.float16(), [np.float16(0.5), np.float16(2)]),
    "bools": (pa.bool_(), [True, False, True] * 7),
    "bools with nulls": (pa.bool_(), [True, None, False]),
    "words": (pa.string(), ["walk", "shop", "walk"]),
    "words with nulls": (pa.large_string(), ["walk", None, "shop"]),
    "views": (pa.string_view(), ["walk", None, "shop"]),
    "letters": (pa.string(), ["a", "b", "a"]),
    "letters with nulls": (pa.string(), ["a", None, "好"]),
    "nulls": (pa.null(), [None, None]),
    "integers that are all null": (pa.int64(), [None, None]),
    "empty": (pa.int64(), []),
}


@pytest.mark.parametrize("case", FLAT)
def test_an_array_is_one_sequence(case):
    kind, values = FLAT[case]
    array = pa.array(values, kind)
    longer = pa.array(values[:1] * 3 + values + values[:1], kind)
    expected = read(values) if values else read(np.empty(0))
    assert_same(read(array), expected)
    assert_same(read(longer.slice(3 if values else 0, len(values))), expected)
    assert_same(read(pa.chunked_array([array])), expected)
    chunks = [array[k : k + 2] for k in range(0, len(values), 2)]
    assert_same(read(pa.chunked_array([array[:0], *chunks], kind)), expected)


def test_binary_is_latin_1():
    array = pa.array([b"\xe9t\xe9", None, b"x"], pa.binary())
    assert_same(read(array), read(["été", None, "x"]))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float64(), pa.uint16()])
def test_the_same_memory(kind):
    array = pa.array(np.arange(100).astype(kind.to_pandas_dtype()))
    data = read(array.slice(10, 50))
    assert np.shares_memory(data.values, array.to_numpy())
    lists = pa.ListArray.from_arrays(pa.array([0, 30, 100], pa.int32()), array)
    assert np.shares_memory(read(lists).values, array.to_numpy())


LISTS = [[0, 2, 1], [], [1], [2, 2, 0, 1]]


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list, pa.list_view, pa.large_list_view])
def test_an_array_of_lists_is_several_sequences(kind):
    array, expected = pa.array(LISTS, kind(pa.int16())), read(LISTS)
    assert_same(read(array), expected)
    assert_same(read(pa.array([[7], *LISTS, [8, 8]], kind(pa.int16())).slice(1, 4)), expected)
    assert_same(read(pa.chunked_array([array[:1], array[1:]])), expected)
    assert same_bits(M.score_samples(array), M.score_samples(LISTS))
    for mine, theirs in zip(M.predict(array), M.predict(LISTS), strict=True):
        assert same_bits(mine, theirs)
    assert [g.shape for g in M.predict_proba(array)] == [(3, 2), (0, 2), (1, 2), (4, 2)]


def test_lists_of_one_length_and_of_words():
    fixed = pa.array([[0, 1], [2, 2], [1, 0]], pa.list_(pa.int8(), 2))
    assert_same(read(fixed), read([[0, 1], [2, 2], [1, 0]]))
    assert_same(read(fixed.slice(1)), read([[2, 2], [1, 0]]))
    words = [["walk", "shop"], ["shop", None, "walk"]]
    assert_same(read(pa.array(words)), read(words))
    assert W.score(pa.array(words)) == W.score(words)
    assert_same(read(pa.array([[1.5, None], [2.0]])), read([[1.5, None], [2.0]]))
    assert read(pa.array([], pa.list_(pa.int8()))).n_sequences == 0
    assert read(pa.chunked_array([], pa.list_(pa.int8()))).n_sequences == 0
    assert read(pa.chunked_array([], pa.string())).n_steps == 0


def test_labels_and_weights_are_arrow_too():
    y = [[0, 1, None], [], [1], [0, 0, 1, 1]]
    one = Model(2, pseudocount=0.1, random_state=0).fit(pa.array(LISTS), pa.array(y))
    other = Model(2, pseudocount=0.1, random_state=0).fit(LISTS, y)
    assert same_bits(one.transmat_, other.transmat_) and one.report_["labelled"] == 7
    unknown = pa.array([[0, 1, None], None, [1], None])
    assert M.score(pa.array(LISTS), unknown) == M.score(LISTS, [[0, 1, None], None, [1], None])
    flat = np.concatenate(LISTS).astype(int)
    assert M.score(pa.array(flat), lengths=pa.array([3, 0, 1, 4])) == M.score(LISTS)
    assert M.score(pa.array(flat), ids=pa.array(list("aaabcccc"))) == M.score(LISTS)
    assert M.score(pa.array(flat), ids=pa.array(list("aaabcccc")).dictionary_encode()) == M.score(LISTS)
    weight = pa.array([1.0, 2.0, 0.5, 3.0])
    fits = [Model(2, random_state=0, max_iter=3).fit(X, sample_weight=w) for X, w in
            ((pa.array(LISTS), weight), (LISTS, weight.to_pylist()))]  # fmt: skip
    assert same_bits(fits[0].transmat_, fits[1].transmat_)


def test_dictionaries_declare_their_symbols():
    array = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 1], pa.int8()), ["walk", "swim", "shop"])
    data = read(array)
    assert (data.categories, data.values, data.missing.tolist()) == (
        ("walk", "swim", "shop"), ["swim", None, "walk", "swim"], [False, True, False, False],
    )  # fmt: skip
    fitted = Model(2, random_state=0, pseudocount=0.1, max_iter=3).fit(array)
    assert list(fitted.emission_.symbols) == ["walk", "swim", "shop"]
    numbers = pa.DictionaryArray.from_arrays([0, 1, 0], pa.array([7, 5]))
    assert (read(numbers).values.tolist(), read(numbers).categories) == ([7, 5, 7], (7, 5))
    null = pa.DictionaryArray.from_arrays([0, 1, 0], ["x", None])
    assert (next(iter(read(null).values)), read(null).missing.tolist(), read(null).categories) == (
        "x", [False, True, False], ("x",))  # fmt: skip
    floats = pa.DictionaryArray.from_arrays([0, 1, 0], [1.5, 2.5])
    assert read(floats).values.tolist() == [1.5, 2.5, 1.5]
    chunks = pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "b"]).dictionary_encode()])
    assert list(read(chunks).values) == ["b", "a", "c", "b"] and read(chunks).categories == ("b", "a", "c")
    twice = pa.DictionaryArray.from_arrays([0, None, 1, 2], ["b", "a", "b"])
    assert "".join(read(twice).values) == "bbab" and read(twice).missing.tolist() == [False, True, False, False]
    assert read(twice).categories == ("b", "a")
    lists = pa.ListArray.from_arrays([0, 3, 4], array)
    assert (read(lists).categories, read(lists).bounds.tolist()) == (data.categories, [0, 3, 4])


COLUMNS = {"step": [0.5, None, 2.0, 1.0], "way": [0.1, 0.2, 0.3, 0.4]}


def test_a_table_is_one_sequence_with_columns():
    for table in (pa.table(COLUMNS), pa.record_batch(COLUMNS), pa.concat_tables([pa.table(COLUMNS)[:1],
                                                                                pa.table(COLUMNS)[1:]])):  # fmt: skip
        data = read(table)
        assert (data.kind, data.form, data.names) == ("numbers", "one", ("step", "way"))
        assert_array_equal(data.values, np.array([[0.5, 0.1], [np.nan, 0.2], [2, 0.3], [1, 0.4]]))
    mixed = pa.table({"calls": pa.array([1, None, 3], pa.int8()), "mood": ["good", "bad", None]})
    data = read(mixed)
    assert [(p.kind, p.missing.tolist()) for p in data.values.parts] == [
        ("integers", [False, True, False]), ("words", [False, False, True]),
    ]  # fmt: skip
    fitted = Model(2, Product(mood=Categorical(), calls=Categorical()), random_state=0, max_iter=2).fit(mixed)
    assert fitted.predict(mixed).shape == (3,) and isinstance(fitted.predict(mixed), np.ndarray)
    assert read([pa.table(COLUMNS), pa.table(COLUMNS)[:2]]).bounds.tolist() == [0, 4, 6]
    alone = read(pa.table({"x": pa.array([0, 1, None])}))
    assert (alone.kind, alone.names, alone.missing.tolist()) == ("integers", ("x",), [False, False, True])


def frames():
    columns = {"user": ["u", "u", "v", "w", "w"], "x": [0, 2, 1, 1, 2]}
    yield pa.table(columns)
    yield pa.record_batch(columns)
    yield pa.table({"user": pa.array(columns["user"]).dictionary_encode(), "x": columns["x"]})
    for library in ("pandas", "polars"):
        with contextlib.suppress(ImportError):
            yield importlib.import_module(library).DataFrame(columns)


@pytest.mark.parametrize("frame", list(frames()), ids=lambda frame: f"{type(frame).__module__}.{type(frame).__name__}")
def test_a_column_of_ids(frame):
    data = read(frame, ids="user")
    assert (data.form, data.names, data.bounds.tolist()) == ("ids", ("x",), [0, 2, 3, 5])
    assert M.score(frame, ids="user") == M.score([[0, 2], [1], [1, 2]])
    assert_array_equal(M.predict(frame, ids="user"), np.concatenate(M.predict([[0, 2], [1], [1, 2]])))
    with pytest.raises(ValueError, match="ids = 'person' is not a column of X, which has 'user', 'x'"):
        read(frame, ids="person")
    back = frame[::-1] if hasattr(frame, "iloc") else frame.slice(1, 4)
    assert read(back, ids="user").n_sequences == 3
    shuffled = frame.take([2, 0, 3, 1, 4]) if hasattr(frame, "take") else frame[[2, 0, 3, 1, 4]]
    with pytest.raises(ValueError, match=r"ids\[3\] = 'u' occurs again"):
        read(shuffled, ids="user")


def test_what_tells_no_sequences_is_refused():
    table = pa.Table.from_arrays([pa.array([1, 1]), pa.array([1, 2]), pa.array([1, 2])], ["id", "x", "id"])
    with pytest.raises(ValueError, match="ids = 'id': X has several columns of this name"):
        read(table, ids="id")
    with pytest.raises(TypeError, match="ids must hold one id for each step"):
        read(pa.table({"id": [[1], [1]], "x": [1, 2]}), ids="id")


def test_ids_are_still_one_for_each_step():
    assert read("abcde", ids="aabbb").bounds.tolist() == [0, 2, 5]
    assert read(pa.table({"x": [0, 1, 2]}), ids="aab").bounds.tolist() == [0, 2, 3]


BAD = {
    "lists of lists": (pa.array([[[0, 1], [2]], [[1]]]), TypeError, "lists within sequences"),
    "lists of lists of one length": (
        pa.array([[[0, 1], [2, 2]], [[1, 0]]], pa.list_(pa.list_(pa.int8(), 2))), TypeError, "lists within sequences",
    ),
    "a null among lists": (pa.array([[0, 1], None, [1]]), ValueError, r"X\[1\] is null, not a sequence"),
    "a null among chunks of lists": (pa.chunked_array([[[0, 1]], [[1], None]]), ValueError, r"X\[2\] is null"),
    "structs": (pa.array([{"a": 1}, {"a": 2}]), TypeError, r"structs are not steps: pa.RecordBatch.from_struct_array"),
    "lists of structs": (pa.array([[{"a": 1}], [{"a": 2}, {"a": 3}]]), TypeError, "structs are not steps"),
    "dates": (pa.array([datetime.date(2020, 1, 1)]), TypeError, r"Arrow type date32\[day\]; steps are symbols"),
    "a column of dates": (pa.table({"x": [1.0], "at": [datetime.datetime(2020, 1, 1)]}), TypeError,
                          r"X\['at'\] has the Arrow type timestamp"),
    "a column of lists": (pa.table({"x": [[1.0]], "y": [2.0]}), TypeError, r"X\['x'\] has a list.* alone, X\['x'\]"),
    "decimals": (pa.array([1, 2]).cast(pa.decimal128(30, 2)), TypeError, r"decimal128.*X.cast\('float64'\)"),
    "single steps": (pa.array([[0], [1], [2]]), ValueError, r"each of a single step.*X\.flatten\(\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refused(case):
    X, error, message = BAD[case]
    with pytest.raises(error, match=message):
        read(X)


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    class Foreign:
        def __arrow_c_array__(self, requested_schema=None):
            raise AssertionError

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r'python -m pip install "chmm\[arrow\]"'):
        read(Foreign())


def test_any_library_with_the_interface():
    class Foreign:
        def __init__(self, data):
            self.data = data

        def __arrow_c_stream__(self, requested_schema=None):
            return self.data.__arrow_c_stream__(requested_schema)

    assert_same(read(Foreign(pa.table(COLUMNS))), read(pa.table(COLUMNS)))
    assert_same(read(Foreign(pa.chunked_array([LISTS]))), read(LISTS))
    assert_same(read(Foreign(pa.chunked_array([[1, None], [2]]))), read([1, None, 2]))


def test_a_stream_is_read_once():
    def stream(**columns):
        table = pa.table(columns)
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=2))

    x, user = [0, 2, 1, None, 2], list("aabbb")
    assert M.score(stream(x=x)) == M.score(x)
    assert M.score(stream(user=user, x=x), ids="user") == M.score([x[:2], x[2:]])
    assert M.score(x, stream(y=[0, 1, 1, 0, 0])) == M.score(x, [0, 1, 1, 0, 0])
    assert read(stream(a=[1.0, 2.0], b=[3.0, 4.0])).values.tolist() == [[1, 3], [2, 4]]


def test_polars_lists_and_pandas_columns_of_arrow():
    polars = pytest.importorskip("polars")
    assert_same(read(polars.Series(LISTS)), read(LISTS))
    assert_same(read(polars.DataFrame({"x": LISTS})["x"]), read(LISTS))
    assert_same(read(polars.Series([[0, 1], [2, 2]], dtype=polars.Array(polars.Int8, 2))), read([[0, 1], [2, 2]]))
    assert M.predict(polars.Series(LISTS))[3].tolist() == M.predict(LISTS)[3].tolist()
    with pytest.raises(TypeError, match=r"X\['x'\] has a list in each row.* alone, X\['x'\]"):
        read(polars.DataFrame({"x": LISTS, "y": [1, 2, 3, 4]}))
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([0, None, 2], dtype=pandas.ArrowDtype(pa.int64()), index=[5, 6, 7])
    assert_same(read(column), read([0, None, 2]))
    assert M.predict(column).index.tolist() == [5, 6, 7]
    lists = pandas.Series(pandas.array(LISTS, dtype=pandas.ArrowDtype(pa.list_(pa.int64()))))
    assert_same(read(lists), read(LISTS))
    assert len(M.predict(lists)) == 4


def test_what_was_missing():
    assert G.impute(pa.array([0.1, None, 3.0])).shape == (3,)
    filled = G.impute(pa.array([[0.1, None], [None, 3.0, 3.1]]))
    assert [part.shape for part in filled] == [(2,), (3,)] and np.isfinite(np.concatenate(filled)).all()
    pair = Model(**TWO, emission=Gaussian([[0.0, 1.0], [3.0, 4.0]], np.ones((2, 2))))
    assert pair.impute(pa.table(COLUMNS)).shape == (4, 2)


def test_tables_as_shards():
    """A shard's columns are read in the same way: nulls among integers, and dictionaries with their order."""
    moods = [pa.DictionaryArray.from_arrays(codes, ["walk", "swim", "shop"]) for codes in ([1, 0, 1], [0, 0, 1])]
    fitted = Model(2, pseudocount=0.1, random_state=0, max_iter=2).fit(shards([pa.table({"x": m}) for m in moods]))
    assert list(fitted.emission_.symbols) == ["walk", "swim", "shop"]
    large = Model(**TWO, emission=Categorical([[0.5, 0.5], [0.1, 0.9]], symbols=[2**60, 2**60 + 1]))
    values = [2**60 + 1, None, 2**60]
    assert large.score(shards([pa.table({"x": values})])) == large.score(values)
    assert large.score(shards([pa.table({"x": pa.array([values, values])})])) == large.score([values] * 2)
