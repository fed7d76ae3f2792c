"""Files: what is written comes back; whatever is not what was written is a ValueError that names the file."""

import io
import json
import os
import struct
import threading
import zlib
from functools import reduce
from operator import getitem
from pathlib import Path

import numpy as np
import pytest

from chmm import Categorical, Exponential, Gaussian, Mixture, Model, Poisson, Product, files

START = b'{"__metadata__":{"checksum":"'
DOCUMENT = {
    "states": ["B", "M", "E", "S"],
    "symbols": ["天", "\ud83d", "\ude00", "\ud83d\ude00", "😀", "\0", "\u2028", 'a"\\b', ""],
    "options": {"pseudocount": 0.1, "seed": 2**70, "tol": 5e-324, "nested": [[], [None, True, -0.0, [1.5]], {}]},
    "unknown": {5: 1, "z": 2, False: 3},
    "our own words": {"array": 1, "texts": {"texts": 2}, "deeper": {"array": 3}},
}
ARRAYS = {
    "startprob": np.array([0.25, 0.75, np.nan, np.inf, -0.0]),
    "counts": np.array([[1, 2, 3], [4, 5, -(2**63)]]),
    "emission.0.probs": np.full((2, 0, 3), 0.5, np.float32),
    "flag": np.array(True),
}
WHOLE = {**DOCUMENT, **ARRAYS}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.chmm"


@pytest.fixture
def written(path):
    files.write(path, WHOLE, {"author": "我"})
    return path.read_bytes()


def back(document):
    """What `read` makes of what `write` wrote."""
    file = io.BytesIO()
    files.write(file, document)
    return files.read(io.BytesIO(file.getvalue()))[0]


def same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
            assert found[name].tobytes() == value.tobytes()
        else:
            assert repr(found[name]) == repr(value)
    return True


def refused(content, *words):
    """`content` is a ValueError that says `words`."""
    with pytest.raises(ValueError) as caught:
        files.read(io.BytesIO(content))
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith("the file cannot be read as a chmm model: ")
    for word in words:
        assert word in str(caught.value)


# ---- what is written comes back ----


def test_round_trip(path, written):
    for form in (path, str(path), os.fsencode(path)):
        assert same(files.read(form)[0], WHOLE)
    with open(path, "rb") as file:
        assert same(files.read(file)[0], WHOLE)
    assert files.metadata(path) == {"author": "我"}


def test_an_open_file_takes_the_same_bytes(written):
    file = io.BytesIO()
    files.write(file, WHOLE, {"author": "我"})
    assert file.getvalue() == written


def test_arrays_come_back_writable_and_fresh(path, written):
    document, _ = files.read(path)
    for array in map(document.get, ARRAYS):
        assert array.flags.writeable and array.flags.c_contiguous and array.dtype.isnative


@pytest.mark.parametrize("dtype", "? i1 u1 i2 u2 i4 u4 i8 u8 f4 f8 >i2 >u4 >i8 >f4 >f8".split())
def test_every_dtype(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for form in (array, array.T, array[::2, ::-1], np.asfortranarray(array), array[1, 1]):
        for found in (back({"x": np.asarray(form)})["x"], back({"x": [np.asarray(form)]})["x"][0]):
            assert found.dtype == array.dtype.newbyteorder("=") and found.shape == form.shape and (found == form).all()


def test_every_character():
    characters = [chr(code) for code in range(0x110000)][::7] + [chr(code) for code in range(0xD7F0, 0xE010)]
    assert back({"symbols": characters}) == {"symbols": characters}


def test_keys_with_dots_keep_their_arrays_apart():
    document = {"a": {"b": np.arange(2)}, "a.b": np.arange(3), "c.d": ["x"]}
    document["c"] = {"d": ["y", "z"], "d.offsets": np.eye(2)}
    assert repr(back(document)) == repr(document)


def test_numbers_of_numpy_tuples_and_sets_come_back_plain():
    document = {"a": np.float64(0.5), "b": np.int8(3), "c": np.bool_(True), "d": (1, ("x", "y")), "e": {"q", "p"}}
    assert repr(back(document)) == repr({"a": 0.5, "b": 3, "c": True, "d": [1, ["x", "y"]], "e": ["p", "q"]})


def test_the_package_safetensors_reads_it(path, written):
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["author"] == "我"
        for name, array in ARRAYS.items():
            found = file.get_tensor(name)
            assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()


def test_the_package_safetensors_reads_a_model(path):
    safetensors = pytest.importorskip("safetensors")
    half = "\ud83d"  # of a surrogate pair, which that package's JSON refuses
    model = Model(states=[half, "雨"], random_state=0).fit([f"a{half}b天a"], [[half, "雨", "雨", half, "雨"]])
    model.save(path, metadata={"data": "five steps"})
    with safetensors.safe_open(path, "np") as file:
        assert (file.get_tensor("transmat_") == model.transmat_).all()
        assert (file.get_tensor("emission_.probs") == model.emission_.probs).all()
        assert file.metadata()["data"] == "five steps"
    assert Model.load(path).emission_.symbols == model.emission_.symbols
    assert list(Model.load(path).states_) == list(model.states_)


# ---- whole or not at all ----


def test_a_failed_write_leaves_the_old_file(path, written, monkeypatch):
    def fails(*_):
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            with pytest.raises(OSError, match="no space left"):
                files.write(path, {})
        assert path.read_bytes() == written
        assert os.listdir(path.parent) == [path.name]


def test_what_a_killed_save_left_behind_is_used_again(path, written, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr(os, "unlink", lambda path: None)  # as if the process had gone
        with pytest.raises(KeyboardInterrupt):
            files.write(path, {})
    assert len(os.listdir(path.parent)) == 2
    files.write(path, {"x": 1})
    assert os.listdir(path.parent) == [path.name] and files.read(path)[0] == {"x": 1}


def test_a_link_stays_a_link_and_none_is_followed(path, written, tmp_path):
    link, other = tmp_path / "link", tmp_path / "other"
    other.write_text("not ours")
    try:
        link.symlink_to(path)
        (tmp_path / f".{path.name}.tmp").symlink_to(other)
    except OSError:
        pytest.skip("no symbolic links here")
    files.write(link, {})
    assert link.is_symlink() and files.read(path) == ({}, {}) and other.read_text() == "not ours"


def test_threads_may_save_to_one_path(path):
    def save(k):
        for _ in range(20):
            files.write(path, {"k": k, "x": np.full(10_000, k)})

    threads = [threading.Thread(target=save, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            document, _ = files.read(path)
            assert (document["x"] == document["k"]).all()
    assert os.listdir(path.parent) == [path.name]


def test_missing_places(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "nowhere.chmm")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to write model\.chmm"):
        files.write(tmp_path / "nowhere" / "model.chmm", {})
    with pytest.raises(OSError):
        files.read(tmp_path)
    with pytest.raises(ValueError, match="exists and is not a file"):
        files.write(tmp_path, {})


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write("模型", {"x": 1})  # no suffix is added
    assert os.listdir() == ["模型"] and files.read(Path("模型"))[0] == {"x": 1}


def test_a_file_opened_as_text(path, written):
    with pytest.raises(TypeError), open(os.devnull, "w") as file:
        files.write(file, {})
    with pytest.raises(ValueError, match=r"model\.chmm cannot be read"), open(path, encoding="latin-1") as file:
        files.read(file)
    with pytest.raises(TypeError, match=r"content of a file.*io\.BytesIO"):
        files.read(Path(path).read_bytes())


# ---- what cannot be stored is refused before anything is written ----


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "document, metadata, error, words",
    [
        ({"x": float("nan")}, None, ValueError, "Out of range float"),
        ({"x": {"y": float("-inf")}}, None, ValueError, "Out of range float"),
        ({"x": 10**400}, None, ValueError, "is not a finite number"),
        ({"x": [object()]}, None, TypeError, r"x.0 = <object.*is an object, which a file cannot hold"),
        ({"x": np.array([1j])}, None, TypeError, "x.0 = .*complex"),
        ({"x": np.array([1], np.float16)}, None, TypeError, "x has dtype float16; bool, integers, float32"),
        ({}, ["note"], TypeError, r"metadata = \['note'\] must be a dict of str to str"),
        ({}, {"n": 3}, TypeError, "metadata = {'n': 3} must be a dict of str to str"),
        ({}, {"checksum": "0"}, ValueError, "metadata: 'checksum' is a key of chmm's own"),
        ({}, {"note": "\ud83d"}, ValueError, "half a surrogate pair"),
    ],
)
def test_what_cannot_be_stored(path, document, metadata, error, words):
    with pytest.raises(error, match=words):
        files.write(path, document, metadata)
    assert not os.listdir(path.parent)


def test_too_deep_a_document_is_refused(path):
    with pytest.raises(ValueError, match="nested too deeply"):
        files.write(path, {"x": deep(100_000)})
    assert not os.listdir(path.parent)


def test_a_report_comes_back_as_it_was():
    emission = Product(u=Categorical(symbols=[0, 1], unknown="missing"), v=Mixture(Gaussian(), 2))
    x = np.array([[0, 1.0], [1, 2.0], [7, 3.0], [1, 2.5]])
    model, file = Model(states=["a", "b", "c"], emission=emission).fit(x, list("abaa")), io.BytesIO()
    model.save(file)
    file.seek(0)
    assert model.report_["cells_without_evidence"] and model.report_["unknown"]
    assert Model.load(file).report_ == model.report_


# ---- damage ----


def test_truncated_at_every_length(written):
    for length in range(len(written)):
        refused(written[:length])


def test_bytes_lost_at_the_front_or_added(written):
    for content in (written[1:], b"x" + written, written + b"\0", written + written):
        refused(content)


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_a_flip_anywhere_is_found(written, flip):
    for position in range(len(written)):
        damaged = bytearray(written)
        damaged[position] ^= flip
        refused(bytes(damaged))


def test_random_bytes_and_other_files():
    rng = np.random.default_rng(0)
    array, zipped = io.BytesIO(), io.BytesIO()
    np.save(array, np.eye(3))
    np.savez(zipped, a=np.eye(3))
    others = [rng.bytes(length) for length in (0, 1, 7, 8, 9, 1000)]
    for content in (*others, array.getvalue(), zipped.getvalue(), b"\xff" * 100, bytes(100)):
        refused(content, "it is truncated, or another program wrote it")


def test_a_file_of_another_program_in_the_same_layout(path):
    numpy = pytest.importorskip("safetensors.numpy")
    refused(numpy.save({"x": np.eye(3)}), "another program wrote it")


# ---- forgery: the checksums are right ----


def sealed(head, body=b""):
    """A file with this header, its checksum put right."""
    assert head.startswith(START)
    parts = struct.pack("<Q", len(head)) + START, head[len(START) + 8 :] + body
    return parts[0] + b"%08x" % zlib.crc32(parts[1], zlib.crc32(parts[0])) + parts[1]


def forged(document='{"version": 1, "document": {"x": {"array": "x"}}}', arrays=(), body=b"", **metadata):
    """A file with this JSON text and these entries for arrays."""
    header = {"__metadata__": {"checksum": "0" * 8, "chmm": document, **metadata}, **dict(arrays)}
    return sealed(json.dumps(header, separators=(",", ":")).encode(), body)


def entry(dtype="F64", shape=(3, 3), place=(0, 72)):
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": place}}


GOOD = np.eye(3).tobytes()


def test_the_forger_can_make_a_good_file():
    assert same(files.read(io.BytesIO(forged(arrays=entry(), body=GOOD)))[0], {"x": np.eye(3)})


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ""),
        ('{"version": 1', ""),
        ("[" * 500_000, "recursion"),
        ('{"a":' * 500_000, "recursion"),
        ('{"version": 1, "document": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        ("9" * 10_000, "is not a finite number"),
        ("[]", ""),
        ("{}", "version"),
        ('{"version": 2, "document": {}}', "its version is 2, this chmm reads 1: use a newer chmm"),
        ('{"version": 1}', "document"),
        ('{"version": 1, "document": NaN}', "NaN is not a finite number"),
        ('{"version": 1, "document": [-Infinity]}', "-Infinity is not a finite number"),
        ('{"version": 1, "document": 1e999}', "1e999 is not a finite number"),
        ('{"version": 1, "document": 1' + "0" * 400 + "}", "is not a finite number"),
        ('{"version": 1, "document": {"array": "y"}}', "'y'"),
        ('{"version": 1, "document": {"array": ["x"]}}', "x"),
        ('{"version": 1, "document": {"texts": "y"}}', "'y.characters'"),
        ('{"version": 1, "document": {"pairs": [[1, 2, 3]]}}', ""),
        ('{"version": 1, "document": {"pairs": 3}}', ""),
        ('{"version": 1, "document": {"pairs": [[[], 1]]}}', "unhashable"),
    ],
)
def test_forged_json(text, words):
    refused(forged(text), words)


@pytest.mark.parametrize(
    "offsets, points, words",
    [
        ([], [97], "do not rise"),
        ([1, 1], [97], "do not rise"),
        ([0, 2], [97], "do not rise"),
        ([0, 2, 0, 1], [97], "do not rise"),
        ([0, 2**63 - 1, -(2**63), 1], [97], "do not rise"),
        ([0, 1], [0x110000], "not in range"),
        ([0.0, 1.0], [97], "indices must be integers"),
        ([[0, 1]], [97], ""),
    ],
)
def test_forged_texts(offsets, points, words):
    file, texts = io.BytesIO(), b'{\\"texts\\": \\"t\\"}'
    files.write(file, {"t": {"characters": np.array(points, np.uint32), "offsets": np.array(offsets)}})
    content = file.getvalue()
    size = struct.unpack("<Q", content[:8])[0]
    head, body = content[8 : 8 + size], content[8 + size :]
    plain = b'{\\"characters\\": {\\"array\\": \\"t.characters\\"}, \\"offsets\\": {\\"array\\": \\"t.offsets\\"}}'
    assert plain in head
    refused(sealed(head.replace(plain, texts), body), words)


@pytest.mark.parametrize(
    "arrays, body",
    [
        (entry(), GOOD[:-1]),
        (entry(), GOOD + b"\0"),
        (entry(shape=(3, 2)), GOOD),
        (entry(shape=(3, 2), place=(0, 48)), GOOD),
        (entry(place=(8, 80)), GOOD),
        (entry(place=(0, 72.5)), GOOD),
        (entry(place=[72, 0]), GOOD),
        (entry(place=None), GOOD),
        (entry(shape=(-3, -3)), GOOD),
        (entry(shape=(-1, 3), place=(0, -24)), b""),
        (entry(shape=(3.0, 3.0)), GOOD),
        (entry(shape="33"), GOOD),
        (entry(shape=None), GOOD),
        (entry(shape=(2**62, 2**62)), GOOD),
        (entry(shape=(2**62, 0), place=(0, 0)), b""),
        (entry(shape=(2**80, 0), place=(0, 0)), b""),
        (entry(shape=(10**399, 0), place=(0, 0)), b""),
        (entry(shape=(1,) * 70 + (9,)), GOOD),
        (entry(dtype="F16"), GOOD),
        (entry(dtype="O"), GOOD),
        (entry(dtype=["F64"]), GOOD),
        (entry(dtype="BOOL", shape=[72]), GOOD),
        ({"x": None}, b""),
        ({"x": {}}, b""),
        (entry() | {"y": entry()["x"]}, GOOD),
    ],
)
def test_forged_arrays(arrays, body):
    refused(forged(arrays=arrays, body=body))


def test_forged_headers():
    refused(sealed(START + b'00000000","chmm":3}}'))
    refused(sealed(START + b'00000000"}}'))
    refused(sealed(START + b'00000000"},"__metadata__":[]}'))
    refused(sealed(START + b'00000000"},"x":' + b"[" * 100_000))
    refused(sealed(START + b'00000000"\xff'))
    refused(sealed(START + b'00000000"}}trailing'))


# ---- models: every claim in a sound file is compared with the others ----


def tampered(tmp_path, model, change):
    """The path of a file that holds `model` after `change(document)`."""
    model.save(tmp_path / "model.chmm")
    document, _ = files.read(tmp_path / "model.chmm")
    change(document)
    files.write(tmp_path / "model.chmm", document)
    return tmp_path / "model.chmm"


NAMES = [["x"], ["x", "y", "z"], ["y", "x"], [7, 8], [1.5, 2], {"x": 1}, 7]
FORGED = {  # where, and what a forger puts there: of the wrong length, type, size or name
    "arguments.emission": ["nosuch", 3, None],
    "arguments.n_states": [7, 2.0, "two", 2**31, 2**62, -1],
    "arguments.states": NAMES,
    "arguments.final_states": [["z"], [0], [], 7],
    "arguments.pseudocount": [10**300, -1, "1"],
    "arguments.tol": [10**300 * -1, [], "1"],
    "arguments.nonsense": [1],
    "learnt.states": NAMES,
    "learnt.final": [[2], [True], np.array([1, 0]), np.array([True]), np.array([False, False]), 7],
    "learnt.n_iter": ["seven", 1.5, None, -1, True],
    "learnt.converged": ["no", None, 1],
    "learnt.loglik": ["no", 1, []],
    "learnt.report": [[], None, {"n_steps": 5}],
    "learnt.report.n_steps": ["five", None, [1]],
    "learnt.report.states_without_evidence": [["z"], 3],
    "learnt.report.at_limits": [[[2, "probs"]], [1], True],
    "learnt.columns": ["ab", [1], 3],
    "learnt.history": [[1.0], np.array([np.nan]), np.eye(2), np.arange(3)],
    "emission_": [{"class": "Gaussian", "settings": {}, "members": []}, {"class": "Gauss"}, [], None],
    "learnt": [{}, [], 3],
    "arguments": [[], 3],
}


@pytest.mark.parametrize("place, value", [(place, value) for place, values in FORGED.items() for value in values])
@pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
def test_forged_claims_of_a_model_are_found(tmp_path, place, value):
    def change(document):
        *inside, name = place.split(".")
        there = reduce(getitem, inside, document)
        there[name] = value

    model = Model(states=["x", "y"], final_states=["y"], random_state=0).fit("ababb")
    path = tampered(tmp_path, model, change)
    with pytest.raises(ValueError, match="does not hold a whole model: ") as caught:
        Model.load(path)
    assert type(caught.value) is ValueError


def test_an_emission_nested_too_deeply_is_found(tmp_path):
    model = Model(2, random_state=0).fit("ababb")
    content = tampered(tmp_path, model, lambda document: document.update(emission_="here")).read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    deep = '{"class": "Product", "settings": {"names": [0]}, "members": [' * 300
    deep += '{"class": "Poisson", "settings": {}, "members": []}' + "]}" * 300
    head = content[8 : 8 + size].replace(b'\\"here\\"', deep.replace('"', '\\"').encode())
    with pytest.raises(ValueError, match="does not hold a whole model: "):
        Model.load(io.BytesIO(sealed(head, content[8 + size :])))


SPOILT = {
    "NaN": lambda array: array * np.nan,
    "sums": lambda array: array + 1,
    "negative": lambda array: -array,
    "short": lambda array: array[:-1],
    "bytes": lambda array: array.view(np.uint8),
    "deeper": lambda array: array[None],
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("place", ["startprob_", "transmat_", "emission_.probs"])
def test_forged_parameters(tmp_path, place, spoil):
    def change(document):
        *inside, name = place.split(".")
        there = document[inside[0]] if inside else document
        there[name] = spoil(there[name])

    model = Model(states="BMES", pseudocount=0.1).fit(["今天天气真不错", "浦东新区在下雨"], ["BEBESBE", "BMMESBE"])
    path = tampered(tmp_path, model, change)
    with pytest.raises(ValueError, match="does not hold a whole model: "):
        Model.load(path)


@pytest.mark.parametrize("names", [["a", "a"], ["a", 1], [3, 4], [0, 0], ["a"]])
def test_forged_names_of_channels_are_found(tmp_path, names):
    model = Model(2, Product(a=Poisson(), b=Poisson()), random_state=0).fit(np.array([[1, 2], [3, 4], [9, 9]]))
    path = tampered(tmp_path, model, lambda document: document["emission_"]["settings"].update(names=names))
    with pytest.raises(ValueError, match="does not hold a whole model: "):
        Model.load(path)


@pytest.mark.parametrize("name", ["endprob", "frozen", "topology"])
def test_arguments_that_a_file_lacks_are_found(tmp_path, name):
    path = tampered(tmp_path, Model(1).fit("ab"), lambda document: document["arguments"].pop(name))
    with pytest.raises(ValueError, match=f"lacks the argument '{name}'"):
        Model.load(path)


def test_a_reference_of_another_shape_is_found(tmp_path):
    path = tampered(
        tmp_path, Model(1, Exponential()).fit([1.0, 2.0]), lambda d: d["emission_"].update(reference=np.ones((0, 1)))
    )
    with pytest.raises(ValueError, match=r"reference has shape \(0, 1\)"):
        Model.load(path)


def test_parameters_that_a_file_lacks_are_found(tmp_path):
    model = Model(2, Gaussian(), random_state=0).fit([0.5, 1.5, 2.5, 9.5])
    path = tampered(tmp_path, model, lambda document: document["emission_"].pop("covariances"))
    with pytest.raises(ValueError, match=r"does not hold a whole model: .* lacks parameters"):
        Model.load(path)


@pytest.mark.parametrize("change", [{"n_states": 3}, {"states": "pq"}, {"transmat": [[1.0]]}, {"final_states": [5]}])
def test_no_file_is_written_that_could_not_be_read(path, change):
    model = Model(2, random_state=0).fit("ababb").set_params(**change)
    with pytest.raises(ValueError, match=next(iter(change))):
        model.save(path)
    assert not os.listdir(path.parent)


def test_a_generator_is_not_kept_and_other_arguments_must_be_data(path):
    class Mine(Model):
        def __init__(self, n_states=None, callback=None, random_state=None):
            super().__init__(n_states, random_state=random_state)
            self.callback = callback

    model = Model(2, Categorical(), random_state=np.random.default_rng(0)).fit("ababb")
    model.save(path)
    assert Model.load(path).random_state is None
    with pytest.raises(TypeError, match=r"callback = .* which a file cannot hold"):
        Mine(2, print, random_state=0).fit("ababb").save(path)
    mine = Mine(2, {"colour": [1, 2.5, None]}, random_state=0).fit("ababb")
    mine.save(path)
    assert Mine.load(path).callback == mine.callback and Mine.load(path).score("abab") == mine.score("abab")


# ---- fuzz ----


def test_fuzz_of_files(fuzz):
    """Damage of many kinds with the checksum put right: a ValueError, or a model that answers."""
    rng = np.random.default_rng(fuzz.seed)
    originals = []
    for model, x in (
        (Model(states=["x", "y"], final_states=["y"], pseudocount=0.5, random_state=0), "ababbabab"),
        (Model(2, Product(Gaussian(), Categorical()), random_state=0), np.array([[0.5, 1], [2, 0], [9, 1], [8, 1]])),
    ):
        model.set_params(tol=1e-2).fit(x).save(file := io.BytesIO())
        originals.append((file.getvalue(), x))
    answered = 0
    for _ in range(fuzz.rounds(1500)):
        content, x = originals[rng.integers(len(originals))]
        size = struct.unpack("<Q", content[:8])[0]
        head, body = bytearray(content[8 : 8 + size]), bytearray(content[8 + size :])
        for _ in range(rng.integers(1, 4)):
            part = head if rng.random() < 0.6 or not body else body
            at = int(rng.integers(len(START) + 8 if part is head else 0, len(part)))
            kind = rng.integers(5)
            if kind == 0:
                part[at] = rng.integers(256)
            elif kind == 1:
                part[at : at + rng.integers(1, 9)] = b""
            elif kind == 2:
                part[at:at] = part[at : at + rng.integers(1, 30)]
            elif kind == 3:
                part[at : at + 1] = bytes(rng.choice([b"9" * 30, b"-1", b"1e400", b"null", b"[", b"{", b'"', b"true"]))
            else:
                part[at : at + 8] = rng.choice([np.nan, np.inf, -1.0, 1e300, 0.0]).tobytes()
        try:
            loaded = Model.load(io.BytesIO(sealed(bytes(head), bytes(body))))
        except ValueError as error:
            assert type(error) is ValueError
            continue
        try:
            answered += np.isfinite(loaded.predict_proba(x)).all()
        except ValueError:  # with other parameters, or symbols, these data may be impossible
            continue
        except TypeError as error:
            assert "symbols" in str(error)
    assert answered > 0


def test_what_is_neither_a_path_nor_a_file_is_refused_by_name():
    model = Model(startprob=[1.0], transmat=[[1.0]], emission=Gaussian([0.0], [1.0]))
    for wrong in (None, 3, ["a.chmm"]):
        with pytest.raises(TypeError, match="must be a path or a binary file"):
            model.save(wrong)
        with pytest.raises(TypeError, match="must be a path or a binary file"):
            Model.load(wrong)
