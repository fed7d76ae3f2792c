"""What shards may be made of, what is read of them, and what is written about them."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import interrupt_after

import chmm
from chmm import Categorical, Gaussian, Model, Product, subset

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def table(k, n=100):
    """Columns: five users, a measurement, a symbol, and the state that both are of."""
    rng = np.random.default_rng(k)
    state = np.repeat(rng.integers(0, 2, n // 10), 10)
    return {
        "user": np.repeat(5 * k + np.arange(5), n // 5),
        "x": rng.normal(4.0 * state),
        "mark": (rng.random(n) < 0.2 + 0.6 * state).astype(int),
        "state": state,
    }


TABLES = [table(k) for k in range(4)]
XS = [np.split(one["x"], 5) for one in TABLES]  # by users
X = [x for xs in XS for x in xs]
Y = [y for one in TABLES for y in np.split(one["state"], 5)]


def same(one, other):
    assert_array_equal(one.transmat_, other.transmat_)
    assert one.loglik_ == other.loglik_


def model(**options):
    return Model(2, Gaussian(), random_state=0, **options)


# ------------------------------------------------------------------------------------------------------- what is read


def test_arrays_and_their_columns(tmp_path):
    for k, one in enumerate(TABLES):
        np.save(tmp_path / f"{k}.npy", np.column_stack([one["user"], one["x"], one["state"]]))
    data = chmm.shards(tmp_path / "*.npy", columns=1, ids=0, y=2)
    assert data.names == ["0.npy", "1.npy", "2.npy", "3.npy"] and len(data) == 4
    same(Model(emission=Gaussian()).fit(data), Model(emission=Gaussian()).fit(X, Y))
    same(model().fit(chmm.shards(str(tmp_path / "*.npy"), columns=[1], ids=0)), model().fit(X))
    assert model().fit(chmm.shards(tmp_path / "*.npy")).report_["n_sequences"] == 4  # one in each array


def test_labels_beside_measurements_may_have_gaps(tmp_path):
    y = np.where(np.arange(100) % 3, np.nan, TABLES[0]["state"])
    np.save(tmp_path / "a.npy", np.column_stack([TABLES[0]["x"], y]))
    fitted = Model(emission=Gaussian(), random_state=0).fit(chmm.shards([tmp_path / "a.npy"], columns=0, y=1))
    assert list(fitted.states_) == [0, 1] and fitted.report_["labelled"] == 34


def test_npz_holds_sequences_or_columns(tmp_path):
    for k, one in enumerate(TABLES):
        np.savez(tmp_path / f"many {k}.npz", *XS[k])
        np.savez(tmp_path / f"table {k}.npz", **one)
    same(model().fit(chmm.shards(tmp_path / "many*.npz")), model().fit(X))
    data = chmm.shards(tmp_path / "table*.npz", columns="x", ids="user", y="state")
    same(Model(emission=Gaussian()).fit(data), Model(emission=Gaussian()).fit(X, Y))
    both = chmm.shards(tmp_path / "table*.npz", columns=["x", "mark"], ids="user")
    fitted = Model(2, Product(Gaussian(), Categorical()), random_state=0).fit(both)
    assert fitted.report_["n_sequences"] == 20 and list(fitted.feature_names_in_) == ["x", "mark"]
    without = chmm.shards(tmp_path / "table*.npz", columns=["x", "mark"])
    tables = [np.column_stack([one["x"], one["mark"]]) for one in TABLES]
    same(model().fit(without), model().fit(tables))
    for k in range(2):
        np.savez(tmp_path / f"wide {k}.npz", user=TABLES[k]["user"], x=tables[k], short=np.zeros(3))
    wide = chmm.shards(tmp_path / "wide*.npz", columns="x", ids="user")
    same(model().fit(wide), model().fit([one for table in tables[:2] for one in np.split(table, 5)]))
    with pytest.raises(ValueError, match=r"wide 0.npz.*have the shapes 'user' \(100,\), 'short' \(3,\)"):
        model().fit(chmm.shards(tmp_path / "wide*.npz", columns=["user", "short"]))


@pytest.mark.parametrize("most", [100, 10**6])
def test_columns_of_other_names_or_in_another_order_are_refused(most, monkeypatch):
    pandas = pytest.importorskip("pandas", reason="frames are pandas'")
    monkeypatch.setattr(subset, "MOST", most)
    frames = [pandas.DataFrame(one)[["x", "mark"]] for one in TABLES]
    for last in (["mark", "x"], ["x", "state"]):
        other = pandas.DataFrame(TABLES[1])[last]
        shards = {"first": frames[0], "empty": other[:0], "last": other}
        with pytest.raises(ValueError, match=r"shard 'last' has the columns \[.*\], shard 'first' \['x', 'mark'\]"):
            model().fit(chmm.shards(shards))
        with pytest.raises(ValueError, match="shard 'last' has the columns"):
            model().survey(chmm.shards(shards))
    shards = [frames[0], frames[1][["mark", "x"]]]
    same(model().fit(chmm.shards(shards, columns=["x", "mark"])), model().fit(chmm.shards(frames[:2])))


def test_texts_and_their_labels(tmp_path):
    texts = [["abba", "", "bab"], ["aab"], []]
    labels = [["XYYX", "", "YXY"], ["XXY"], []]
    for k, (one, y) in enumerate(zip(texts, labels)):
        (tmp_path / f"{k}.txt").write_text("".join(f"{line}\n" for line in one), encoding="utf-8")
        (tmp_path / f"{k}.tags.txt").write_text("".join(f"{line}\n" for line in y), encoding="utf-8")
    data = chmm.shards(tmp_path / "[0-9].txt", y=tmp_path / "*.tags.txt")
    fitted = Model(pseudocount=0.1).fit(data)
    same(fitted, Model(pseudocount=0.1).fit(texts[0] + texts[1], labels[0] + labels[1]))
    paths = fitted.predict(chmm.shards(tmp_path / "[0-9].txt"), to=tmp_path / "out")
    assert [path.read_text() for path in paths] == ["XYYX\n\nYXY\n", "XXY\n", ""]
    with pytest.raises(ValueError, match="3 shards and 1 files of labels"):
        chmm.shards(tmp_path / "[0-9].txt", y=[tmp_path / "0.tags.txt"])


def test_the_end_of_a_line_is_no_symbol_however_it_is_written(tmp_path):
    for mark in (b"", b"\xef\xbb\xbf"):  # nor is a mark of the byte order
        (tmp_path / "a.txt").write_bytes(mark + "天 x\r\nab\u2028c\n".encode())
        (piece,) = chmm.shards(tmp_path / "a.txt")
        assert np.diff(piece.data.bounds).tolist() == [3, 4]


def parquet(folder, tables=TABLES):
    pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    for k, one in enumerate(tables):
        pq.write_table(pa.table({**one, "user": [f"u{user}" for user in one["user"]]}), folder / f"{k}.parquet")
    return pa, pq


def test_parquet_and_what_is_written_about_it(tmp_path):
    _, pq = parquet(tmp_path)
    data = chmm.shards(tmp_path / "*.parquet", columns="x", ids="user", y="state")
    fitted = Model(emission=Gaussian()).fit(data)
    same(fitted, Model(emission=Gaussian()).fit(X, Y))
    paths = fitted.predict(data, to=tmp_path / "new" / "folder")
    assert [path.name for path in paths] == data.names
    written = np.concatenate([pq.read_table(path)["state"] for path in paths])
    assert_array_equal(written, np.concatenate(fitted.predict(X)))
    paths = fitted.predict_proba(data, to=tmp_path / "proba")
    assert_allclose(pq.read_table(paths[3])["1"], np.concatenate(fitted.predict_proba(XS[3]))[:, 1])
    both = chmm.shards(tmp_path / "*.parquet", columns=["x", "mark"], ids="user")
    assert list(model().fit(both).feature_names_in_) == ["x", "mark"]
    with pytest.raises(ValueError, match=r"shard '0.parquet': there is no column 'z', there are \['user', 'x'"):
        model().fit(chmm.shards(tmp_path / "*.parquet", columns="z"))


def test_arrow_datasets_tables_and_lists(tmp_path):
    pa, _ = parquet(tmp_path)
    ds = pytest.importorskip("pyarrow.dataset", reason="needs pyarrow's datasets")
    memory = ds.dataset(pa.Table.from_batches([pa.record_batch({"x": one["x"]}) for one in TABLES]))
    assert model().fit(chmm.shards(memory)).report_["n_steps"] == 400
    one = ds.dataset(tmp_path, format="parquet")
    data = chmm.shards(one, columns="x", ids="user")
    assert data.names == ["0.parquet", "1.parquet", "2.parquet", "3.parquet"]
    same(model().fit(data), model().fit(X))
    same(model().fit(chmm.shards(one.to_table(), columns="x", ids="user")), model().fit(X))
    groups = [group for fragment in one.get_fragments() for group in fragment.split_by_row_group()]
    same(model().fit(chmm.shards(groups, columns="x", ids="user")), model().fit(X))
    lists = pa.table({"x": [x.tolist() for x in X], "y": [y.tolist() for y in Y]})
    data = chmm.shards(lists.to_batches(max_chunksize=7), columns="x", y="y")
    assert len(data) == 3
    same(Model(emission=Gaussian()).fit(data), Model(emission=Gaussian()).fit(X, Y))
    gaps = pa.table({"x": pa.array([0.5, None, 3.0]), "w": pa.array(["a", "b", None])})
    (piece,) = chmm.shards(gaps, columns="x")
    assert_array_equal(np.isnan(piece.data.values), [False, True, False])


def test_columns_in_the_names_of_folders(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    ds = pytest.importorskip("pyarrow.dataset", reason="needs pyarrow's datasets")
    for k in range(4):
        (tmp_path / f"user={k}").mkdir()
        pq.write_table(pa.table({"x": TABLES[k]["x"]}), tmp_path / f"user={k}" / "part-0.parquet")
    hive = ds.dataset(tmp_path, partitioning="hive")
    data = chmm.shards(hive, columns="x", ids="user")
    assert [piece.ids for piece in data] == [(k, k) for k in range(4)]
    same(model().fit(data), model().fit([one["x"] for one in TABLES]))
    assert [piece.data.n_columns for piece in chmm.shards(hive)] == [1] * 4  # unless they are named
    for source in (str(tmp_path / "*" / "*.parquet"), ds.dataset(tmp_path)):
        with pytest.raises(ValueError, match=r"no column 'user'.* in the names of folders, and .*partitioning='hive'"):
            model().fit(chmm.shards(source, columns="x", ids="user"))


def test_a_sequence_that_goes_on_in_the_next_shard_is_refused():
    cut = [{"u": [1, 1, 2], "x": [0.5, 1.0, 2.0]}, {"u": [2, 3, 3], "x": [0.1, 0.2, 0.4]}]
    pandas = pytest.importorskip("pandas", reason="frames are pandas'")
    with pytest.raises(ValueError, match="shard 1 begins with the id 2, with which shard 0 ends"):
        model().fit(chmm.shards(list(map(pandas.DataFrame, cut)), ids="u"))


def test_frames_functions_and_names():
    pandas = pytest.importorskip("pandas", reason="frames are pandas'")
    frames = list(map(pandas.DataFrame, TABLES))
    same(model().fit(chmm.shards(frames, columns="x", ids="user")), model().fit(X))
    functions = {f"day {k}": lambda frame=frame: frame for k, frame in enumerate(frames)}
    data = chmm.shards(functions, columns="x", ids="user", y="state")
    assert data.names == ["day 0", "day 1", "day 2", "day 3"]
    same(Model(emission=Gaussian()).fit(data), Model(emission=Gaussian()).fit(X, Y))
    labelled = chmm.shards([lambda k=k: (XS[k], np.split(TABLES[k]["state"], 5)) for k in range(4)])
    same(Model(emission=Gaussian()).fit(labelled), Model(emission=Gaussian()).fit(X, Y))


def test_memory_maps_are_shards(tmp_path):
    for k in range(4):
        np.save(tmp_path / f"{k}.npy", TABLES[k]["x"])
    maps = [np.load(tmp_path / f"{k}.npy", mmap_mode="r") for k in range(4)]
    same(model().fit(chmm.shards(maps)), model().fit([np.asarray(x) for x in maps]))


class Walked:
    """An iterable that can be walked again, and knows nothing of its length."""

    def __iter__(self):
        return iter([(f"day {k}", xs) for k, xs in enumerate(XS)])


def test_what_can_be_walked_again_is_a_source(monkeypatch):
    data = chmm.shards(Walked())
    assert data.names == ["day 0", "day 1", "day 2", "day 3"]
    same(model().fit(data), model().fit(X))
    monkeypatch.setattr(subset, "MOST", 100)
    same(model(max_iter=5).fit(data), model(max_iter=5).fit(chmm.shards(dict(Walked()))))
    with pytest.raises(TypeError, match="generator, which can be iterated over only once"):
        chmm.shards(x for x in XS)
    with pytest.raises(TypeError, match=r"made by chmm.shards already"):
        chmm.shards(data)


@pytest.mark.parametrize("more", [1, -1])
def test_a_source_that_has_another_number_of_shards_later_is_refused(more, monkeypatch):
    class Changing(list):
        def __iter__(self):
            self.times = getattr(self, "times", 0) + 1
            return iter(X[: 9 if self.times < 4 else 9 + more])

    monkeypatch.setattr(subset, "MOST", 100)
    with pytest.raises(ValueError, match=f"there were 9 shards, and now there are {'more' if more == 1 else '8'}"):
        model().fit(chmm.shards(type("Walked", (), {"__iter__": Changing().__iter__})()))


def test_paths_that_cannot_be_shards_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n")
    with pytest.raises(FileNotFoundError, match="no file is called"):
        chmm.shards(tmp_path / "*.npy")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        chmm.shards([tmp_path / "b.npy"])
    with pytest.raises(IsADirectoryError, match="is a folder; say which files"):
        chmm.shards(tmp_path)
    (tmp_path / "b.txt").touch()
    with pytest.raises(IsADirectoryError, match=r"\*\.txt'"):
        chmm.shards(tmp_path)
    with pytest.raises(ValueError, match=r"is none of .npy, .npz, .txt, .parquet; for other files give functions"):
        chmm.shards(tmp_path / "a.csv")
    for source in (np.ones(3), b"a.npy"):
        with pytest.raises(TypeError, match=r"source is a \w*; give paths, or a list"):
            chmm.shards(source)
    (tmp_path / "d.npy").write_text("no array")
    np.savez(tmp_path / "e.npz", a=np.array([{}, 1], dtype=object))
    for name in ("d.npy", "e.npz"):
        with pytest.raises(ValueError, match=f"shard '{name}': this is no file of NumPy, or holds Python objects"):
            model().fit(chmm.shards(tmp_path / name))
    with pytest.raises(ValueError, match="two shards are called 'a'"):
        chmm.shards([("a", [0.5]), ("a", [0.7])])
    np.save(tmp_path / "c.npy", TABLES[0]["x"])
    for source in ([tmp_path / "c.npy", XS[1]], {"c": tmp_path / "c.npy"}):
        with pytest.raises(TypeError, match=r"c.npy' is a path among other things"):
            model().fit(chmm.shards(source))
    with pytest.raises(ValueError, match=r"y: labels in .txt files go with texts"):
        chmm.shards(tmp_path / "c.npy", y=tmp_path / "b.txt")


def test_what_names_no_column_is_refused():
    table = np.column_stack([TABLES[0][name] for name in ("user", "x", "state")])
    same(model().fit(chmm.shards([table], columns=range(1, 2), ids=0)), model().fit(XS[0]))
    same(model().fit(chmm.shards([table], columns=np.array([1]), ids=np.int64(0))), model().fit(XS[0]))
    for name, value in {"ids": TABLES[0]["user"], "y": TABLES[0]["state"], "columns": {1}}.items():
        with pytest.raises(TypeError, match=rf"{name} = .* must "):
            chmm.shards([table], **{name: value})
    for columns in (True, [False, True, False], 1.0):
        with pytest.raises(TypeError, match="columns of an array have integers as names"):
            model().fit(chmm.shards([table], columns=columns))


def test_a_lazy_frame_is_told_apart_from_its_result():
    polars = pytest.importorskip("polars", reason="lazy frames are polars'")
    frame = polars.DataFrame(TABLES[0])
    same(model().fit(chmm.shards([frame.lazy().collect], columns="x", ids="user")), model().fit(XS[0]))
    for ask in (
        lambda: model().fit(frame.lazy()),
        lambda: model().fit(frame.lazy(), ids="user"),
        lambda: model().fit(chmm.shards([frame.lazy()], columns="x", ids="user")),
    ):
        with pytest.raises(TypeError, match=r"is a LazyFrame, which is still to be computed: pass X.collect\(\)"):
            ask()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".txt", ".parquet"])
def test_a_damaged_file_is_named(suffix, tmp_path):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    (tmp_path / f"good{suffix}").write_bytes(b"\xff\xfe\x00" * 20)
    fitted = model().fit(X)
    before = fitted.transmat_.tobytes()
    with pytest.raises((OSError, ValueError), match=f"shard 'good{suffix}'"):
        fitted.fit(chmm.shards(tmp_path / f"*{suffix}"))
    assert fitted.transmat_.tobytes() == before


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path):
    for k in range(2):
        (tmp_path / f"{k}").mkdir()
        np.save(tmp_path / f"{k}" / "x.npy", TABLES[k]["x"])
    data = chmm.shards(tmp_path / "*" / "x.npy")
    assert data.names == ["0/x.npy", "1/x.npy"]
    paths = model().fit(data).predict(data, to=tmp_path / "out")
    assert paths == [tmp_path / "out" / "0" / "x.npy", tmp_path / "out" / "1" / "x.npy"]
    assert np.load(paths[1]).shape == (100,)


def test_shards_of_files_pickle(tmp_path):
    np.save(tmp_path / "a.npy", TABLES[0]["x"])
    again = pickle.loads(pickle.dumps(chmm.shards(tmp_path / "a.npy")))
    assert again.read(0).size == (1, 100)
    piece = pickle.loads(pickle.dumps(again.read(0)))
    assert piece.name == "a.npy" and piece.size == (1, 100)


# --------------------------------------------------------------------------------------------------------- questions


def test_questions_are_answered_shard_by_shard():
    data, fitted = chmm.shards(XS), model().fit(X)
    fitted.n_jobs = 2
    assert_allclose(fitted.score(data), fitted.score(X), rtol=1e-12)
    for (name, path), k in zip(fitted.predict(data), range(4), strict=True):
        assert name == k
        for mine, theirs in zip(path, fitted.predict(XS[k]), strict=True):
            assert_array_equal(mine, theirs)
    for k, gamma in fitted.predict_proba(data, lag=0):
        assert_array_equal(gamma[2], fitted.predict_proba(XS[k], lag=0)[2])
    for k, values in fitted.score_samples(data):
        assert_array_equal(values, fitted.score_samples(XS[k]))


def test_an_evaluation_adds_up_over_shards():
    fitted = Model(emission=Gaussian()).fit(X, Y)
    items = [(f"{k}", XS[k], np.split(TABLES[k]["state"], 5)) for k in range(4)]
    items[3] = items[3][:2]
    mine, theirs = fitted.evaluate(chmm.shards(items)), fitted.evaluate(X[:15], Y[:15])
    assert mine == theirs and mine.accuracy == theirs.accuracy
    other = [("a", XS[0], [[0] * 20, [2] * 20, [1] * 20, [0] * 20, [1] * 20]), *items[1:]]
    assert fitted.evaluate(chmm.shards(other)).names == (0, 1, 2)
    with pytest.raises(ValueError, match="no label to compare with"):
        fitted.evaluate(chmm.shards(XS))
    with pytest.raises(TypeError, match="y is missing"):
        fitted.evaluate(X)


@pytest.mark.parametrize("format", ["npy", "npz", "parquet", "txt"])
def test_answers_are_written_in_any_format(format, tmp_path):
    if format == "parquet":
        pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    fitted = Model(states=["low", "high"], emission=Gaussian()).fit(X, [np.where(y, "high", "low") for y in Y])
    data = chmm.shards([("first", XS[0]), ("second", dict(enumerate(XS[1])))])
    path, other = fitted.predict(data, to=str(tmp_path), format=format)
    assert (path.name, other.name) == (f"first.{format}", f"second.{format}")
    assert sorted(os.listdir(tmp_path)) == [path.name, other.name]
    expected = fitted.predict(XS[0])
    if format == "npy":
        assert_array_equal(np.load(path), np.concatenate(expected))
    elif format == "npz":
        assert_array_equal(np.load(path)["3"], expected[3])
    elif format == "txt":
        assert path.read_text().splitlines()[2] == " ".join(expected[2])
        with pytest.raises(ValueError, match="format = 'txt' takes states"):
            fitted.predict_proba(data, to=tmp_path, format=format)
        assert sorted(os.listdir(tmp_path)) == [path.name, other.name]
    else:
        rows = pq.read_table(path).to_pydict()
        assert rows["state"] == np.concatenate(expected).tolist()
        assert rows["sequence"] == np.repeat(range(5), 20).tolist()


def test_answers_do_not_overwrite_what_is_read(tmp_path):
    np.save(tmp_path / "a.npy", TABLES[0]["x"])
    data = chmm.shards(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"to '.*a.npy': it is read; answers need another folder"):
        model().fit(X).predict(data, to=tmp_path)
    with pytest.raises(ValueError, match="format"):
        model().fit(X).predict(data, to=tmp_path / "out", format="csv")
    assert_array_equal(np.load(tmp_path / "a.npy"), TABLES[0]["x"])
    assert os.listdir(tmp_path) == ["a.npy"]


def test_answers_stay_in_their_folder_and_apart(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"no answer")
    data = chmm.shards({f"{tmp_path}/a.npy": XS[0], "../b": XS[1]})
    first, second = model().fit(X).predict(data, to=tmp_path / "out")
    assert first == tmp_path.joinpath("out", *tmp_path.parts[1:], "a.npy") and second == tmp_path / "out" / "b.npy"
    assert (tmp_path / "a.npy").read_bytes() == b"no answer"
    with pytest.raises(ValueError, match=r"about 'b.npz' cannot be written to '.*b.npy': that about 'b' is"):
        model().fit(X).predict(chmm.shards({"b": XS[0], "b.npz": XS[1]}), to=tmp_path / "new", format="npy")
    assert not (tmp_path / "new").exists()
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match=f"a shard is called '{name}', which is not a valid file name"):
            model().fit(X).predict(chmm.shards({name: XS[0]}), to=tmp_path / "new")
    with pytest.raises(NotADirectoryError, match=r"to = '.*a.npy' is not a folder"):
        model().fit(X).predict(chmm.shards({"b": XS[0]}), to=tmp_path / "a.npy")
    assert sorted(os.listdir(tmp_path)) == ["a.npy", "out"]


def test_a_format_is_that_of_files():
    for data in (XS[0], chmm.shards(XS)):
        with pytest.raises(TypeError, match=r"format = 'npz' is a format for files: say where to write them, to="):
            model().fit(X).predict(data, format="npz")


# ---------------------------------------------------------------------------------------------------------- learning


def test_surveys_starts_and_steps_by_hand_take_shards(monkeypatch):
    monkeypatch.setattr(subset, "MOST", 300)
    data = chmm.shards(XS)
    hand = model().start(data, model().survey(data))
    assert model().survey(data)["n_steps"] == 400
    for _ in range(3):
        hand = hand.m_step(hand.e_step(data))
    assert hand.statistics_.shards == {0, 1, 2, 3} and hand.history_[2] > hand.history_[0]


def test_a_stepwise_pass_over_shards_is_one_batch_a_shard():
    mine, theirs = model(), model()
    for xs in XS:
        theirs.partial_fit(xs)
    same(mine.partial_fit(chmm.shards(XS)), theirs)


def test_a_step_of_size_one_on_all_data_is_a_step_of_em():
    start = model().fit(X[:3])
    start = Model(2, start.emission_, startprob=start.startprob_, transmat=start.transmat_)
    em, stepwise = start.start(X), start.start(X)
    em = em.m_step(em.e_step(X))
    stepwise.partial_fit(chmm.shards({"all": X}), step=1)
    assert_allclose(stepwise.transmat_, em.transmat_, rtol=1e-12)
    assert_allclose(stepwise.emission_.means, em.emission_.means, rtol=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_leaves_the_model_as_it_was(n_jobs, monkeypatch):
    monkeypatch.setattr(subset, "MOST", 1000)
    rng = np.random.default_rng(0)
    fitted = model(n_jobs=n_jobs, max_iter=10**6, tol=0, n_init=1).fit(chmm.shards([rng.normal(size=200)] * 3))
    before = fitted.transmat_.tobytes()
    fitted.set_params(n_states=16)
    data = chmm.shards([rng.normal(size=200_000) for _ in range(3)])
    assert interrupt_after(0.5, lambda: fitted.fit(data))
    assert fitted.transmat_.tobytes() == before


LIMITED = """
import os, resource, sys
import numpy as np
import chmm.subset

paths = sorted(os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1]))
chmm.subset.MOST = 20_000
chmm.Model(2, chmm.Gaussian(), max_iter=2).fit([0.5, 1.5, 4.0] * 300)  # libraries have their memory
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used + 100 * 2**20,) * 2)
try:
    everything = [np.load(path) for path in paths]
    raise SystemExit("all data fit into the memory allowed")
except MemoryError:
    everything = None
data = chmm.shards(paths)
model = chmm.Model(2, chmm.Gaussian(), random_state=0, n_init=1, max_iter=2, n_jobs=1).fit(data)
assert model.report_["n_steps"] == 156_250 * len(paths)
assert sum(len(path) for _, path in model.predict(data)) == 156_250 * len(paths)
print(model.emission_.means.ravel().round().astype(int).tolist())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is Linux's")
def test_data_that_do_not_fit_into_memory_are_fitted(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "0.npy", rng.normal(np.repeat(3.0 * rng.integers(0, 2, 3125), 50)))
    for k in range(1, 96):  # 120 MB, which take no more room on the disk than one file
        os.link(tmp_path / "data" / "0.npy", tmp_path / "data" / f"{k}.npy")
    env = {**os.environ, "PYTHONPATH": str(Path(chmm.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[0, 3]\n"
