"""Files: what is written comes back; whatever is not what was written is a ValueError that names the file."""

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from chmm import storage

METADATA = {
    "states": ["B", "M", "E", "S"],
    "symbols": ["天", "\ud83d", "\ude00", "\ud83d\ude00", "😀", "\0", "\u2028", 'a"\\b', ""],
    "options": {"pseudocount": 0.1, "seed": 2**70, "tol": 5e-324, "nested": [[], [None, True, -0.0, [1.5]]]},
}
ARRAYS = {
    "startprob": np.array([0.25, 0.75, np.nan, np.inf, -0.0]),
    "counts": np.array([[1, 2, 3], [4, 5, -(2**63)]]),
    "emission.0.probs": np.full((2, 0, 3), 0.5, np.float32),
    "flag": np.array(True),
}


def same(found, expected):
    """Bit for bit, with the types."""
    (metadata, arrays), (metadata0, arrays0) = found, expected
    assert json.dumps(metadata) == json.dumps(metadata0) and metadata == metadata0
    assert list(arrays) == list(arrays0)
    for name, array in arrays.items():
        assert (array.dtype, array.shape) == (arrays0[name].dtype, arrays0[name].shape)
        assert array.tobytes() == arrays0[name].tobytes()
    return True


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


@pytest.fixture
def written(path):
    storage.write(path, METADATA, ARRAYS)
    return path.read_bytes()


def refused(path, content, *words):
    """`content` is a ValueError that names the file and says `words`."""
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        storage.read(path)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(f"{path} cannot be read as a chmm model: ")
    for word in words:
        assert word in str(caught.value)


def zipped(members, **options):
    """A zip file of (name, bytes) pairs, by the standard library."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def document(arrays=("a",), **changes):
    return json.dumps({"format": "chmm", "version": 1, "arrays": list(arrays), "metadata": {}} | changes)


# ---- what is written comes back ----


def test_round_trip(path, written):
    assert same(storage.read(path), (METADATA, ARRAYS))
    assert same(storage.read(str(path)), (METADATA, ARRAYS))
    assert same(storage.read(os.fsencode(path)), (METADATA, ARRAYS))


def test_arrays_come_back_writable_and_fresh(path, written):
    for array in storage.read(path)[1].values():
        assert array.flags.writeable and array.flags.c_contiguous and array.dtype.isnative
    assert storage.read(path)[1]["counts"] is not storage.read(path)[1]["counts"]


@pytest.mark.parametrize("dtype", "? i1 u1 i2 u2 i4 u4 i8 u8 f4 f8 >i2 >u4 >i8 >f4 >f8".split())
def test_every_dtype(path, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for form in (array, array.T, array[::2, ::-1], np.asfortranarray(array), array[1, 1]):
        storage.write(path, {}, {"x": form})
        back = storage.read(path)[1]["x"]
        assert back.dtype == array.dtype.newbyteorder("=") and back.shape == form.shape and (back == form).all()


def test_empty(path):
    storage.write(path, {}, {})
    assert storage.read(path) == ({}, {})


def test_larger_than_one_block(path):
    array = np.arange(1_500_000.0)
    storage.write(path, {}, {"x": array, "y": array[::-1]})
    arrays = storage.read(path)[1]
    assert (arrays["x"] == array).all() and (arrays["y"] == array[::-1]).all()


def test_every_character(path):
    characters = [chr(code) for code in range(0x110000)][:: 7] + [chr(code) for code in range(0xD7F0, 0xE010)]
    storage.write(path, {"symbols": characters}, {})
    assert storage.read(path)[0] == {"symbols": characters}


def test_numpy_reads_it(path, written):
    with np.load(path, allow_pickle=False) as archive:
        for name, array in ARRAYS.items():
            assert archive[name].tobytes() == array.tobytes()


def test_same_input_same_bytes(path, written, tmp_path):
    storage.write(tmp_path / "again", METADATA, ARRAYS)
    assert (tmp_path / "again").read_bytes() == written


# ---- whole or not at all ----


def test_failed_write_leaves_the_old_file(path, written, monkeypatch):
    def fails(*_):
        raise OSError("no space left")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            with pytest.raises(OSError, match="no space left"):
                storage.write(path, {}, {})
        assert path.read_bytes() == written
        assert os.listdir(path.parent) == [path.name]


def test_nothing_is_left_beside_it(path, written):
    assert os.listdir(path.parent) == [path.name]


def test_link_stays_a_link(path, written, tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(path)
    except (OSError, NotImplementedError):
        pytest.skip("no symbolic links here")
    storage.write(link, {}, {})
    assert link.is_symlink() and storage.read(path) == ({}, {})


def test_missing_places(tmp_path):
    with pytest.raises(FileNotFoundError):
        storage.read(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError):
        storage.write(tmp_path / "nowhere" / "model.npz", {}, {})
    with pytest.raises(OSError):
        storage.read(tmp_path)
    with pytest.raises(ValueError, match="exists and is not a file"):
        storage.write(tmp_path, {}, {})


# ---- what cannot be stored is refused before anything is written ----


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "metadata, arrays, error, words",
    [
        ([], {}, TypeError, "metadata must be a dict, not list"),
        ({"x": float("nan")}, {}, ValueError, "metadata cannot be stored as JSON: Out of range float"),
        ({"x": float("-inf")}, {}, ValueError, "metadata cannot be stored as JSON: Out of range float"),
        ({"x": (1, 2)}, {}, TypeError, "changed from JSON: keys must be str, and sequences lists"),
        ({1: 2}, {}, TypeError, "changed from JSON: keys must be str"),
        ({1: 2, "1": 3}, {}, ValueError, "a key twice"),
        ({"x": np.arange(3)}, {}, TypeError, "ndarray is not JSON serializable"),
        ({"x": {1, 2}}, {}, TypeError, "set is not JSON serializable"),
        ({"x": deep(100_000)}, {}, ValueError, "metadata is nested too deeply"),
        ({}, {"x": np.array(["a"])}, TypeError, "array 'x' has dtype <U1; bool, integers, float32"),
        ({}, {"x": np.array([None])}, TypeError, "array 'x' has dtype object"),
        ({}, {"x": np.array([1j])}, TypeError, "array 'x' has dtype complex128"),
        ({}, {"x": np.array([1], np.float16)}, TypeError, "array 'x' has dtype float16"),
        ({}, {"x": np.zeros(2, [("a", "f8")])}, TypeError, "array 'x' has dtype"),
        ({}, {"": np.zeros(2)}, ValueError, "'' cannot name an array"),
        ({}, {"../x": np.zeros(2)}, ValueError, "'../x' cannot name an array"),
        ({}, {"x\n": np.zeros(2)}, ValueError, "cannot name an array"),
        ({}, {"x" * 201: np.zeros(2)}, ValueError, "cannot name an array"),
        ({}, {3: np.zeros(2)}, TypeError, "the name of an array must be a str, not 3"),
        ({}, {f"x{i}": np.zeros(1) for i in range(1001)}, ValueError, "arrays has 1001 entries"),
    ],
)
def test_what_cannot_be_stored(path, metadata, arrays, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(")):
        storage.write(path, metadata, arrays)
    assert not os.listdir(path.parent)


# ---- damage ----


def test_truncated_at_every_length(path, written):
    for length in range(len(written)):
        refused(path, written[:length])


def test_bytes_lost_at_the_front_or_added(path, written):
    refused(path, written[1:])
    refused(path, b"x" + written[1:])
    refused(path, written + b"\0", "truncated, or no npz file")
    refused(path, written + written[-22:])


@pytest.mark.parametrize("flip", [0x01, 0x08, 0x20, 0x80, 0xFF])
def test_a_flip_anywhere_is_found_or_harmless(path, flip):
    metadata, arrays = {"states": ["天", "\ud83d"]}, {"a": np.array([0.25, 0.75]), "bb": np.array([[1], [2]])}
    storage.write(path, metadata, arrays)
    original = path.read_bytes()
    harmless = 0
    for position in range(len(original)):
        damaged = bytearray(original)
        damaged[position] ^= flip
        path.write_bytes(damaged)
        try:
            found = storage.read(path)
        except ValueError as error:
            assert type(error) is ValueError and str(path) in str(error)
        else:  # times, versions and attributes in the zip's own tables
            assert same(found, (metadata, arrays))
            harmless += 1
    assert harmless < len(original) / 4


def test_random_damage(path, written):
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = np.frombuffer(written, np.uint8).copy()
        damaged[rng.integers(len(damaged), size=rng.integers(2, 20))] = rng.integers(256)
        path.write_bytes(damaged.tobytes())
        try:
            assert same(storage.read(path), (METADATA, ARRAYS))
        except ValueError as error:
            assert type(error) is ValueError


def test_random_bytes_and_other_files(path):
    rng = np.random.default_rng(0)
    for length in (0, 1, 21, 22, 97, 98, 1000):
        refused(path, rng.bytes(length), "truncated, or no npz file")
    refused(path, npy(np.eye(3)), "truncated, or no npz file")
    refused(path, b"PK\x05\x06" + bytes(18), "another program wrote it")  # an empty zip
    file = io.BytesIO()
    np.savez(file, a=np.eye(3))
    refused(path, file.getvalue(), "no member 'chmm.json', so another program wrote it")


# ---- forgery: every zip here is sound, its CRCs too ----

GOOD = npy(np.eye(3))


def test_the_forger_can_make_a_good_file(path):
    path.write_bytes(zipped([("chmm.json", document()), ("a.npy", GOOD)]))
    assert same(storage.read(path), ({}, {"a": np.eye(3)}))


@pytest.mark.parametrize(
    "text, words",
    [
        (b"", "its JSON text is damaged"),
        (b"\xff\xfe", "its JSON text is damaged"),
        (b'{"format": "chmm"', "its JSON text is damaged"),
        (b"[" * 500_000, "its JSON text is nested too deeply"),
        (b'{"a":' * 500_000, "its JSON text is nested too deeply"),
        (b"9" * 10_000, "its JSON text is damaged"),
        (b"[]", "does not name the format 'chmm'"),
        (document(format="other"), "does not name the format 'chmm'"),
        (document(version=2), "version 2 of the format and this chmm reads up to 1: install a newer chmm"),
        (document(version=0), "its version is 0, not a positive integer"),
        (document(version=True), "its version is True, not a positive integer"),
        (document(version="1" * 1000), "its version is '1111"),
        (document(metadata=[]), "has no metadata"),
        (document(arrays=[1]), "does not list the arrays by name"),
        (document(arrays=["a", "a"]), "does not list the arrays by name"),
        (document(arrays=["a", "b"]), "the member 'b.npy' is missing"),
        (document(arrays=[]), "the member 'a.npy' does not belong to it"),
        (document(metadata={"x": float("nan")}), "holds NaN, which is not a finite number"),
        (document(metadata={"x": float("inf")}), "holds Infinity, which is not a finite number"),
        (document(metadata={"x": 0.5}).replace("0.5", "1e999"), "holds 1e999, which is not a finite number"),
        (document().replace('"version": 1', '"version": 1, "version": 1'), "gives a key twice"),
    ],
)
def test_forged_json(path, text, words):
    refused(path, zipped([("chmm.json", text), ("a.npy", GOOD)]), words)


def header(descr="'<f8'", order="False", shape="(3, 3)"):
    """The bytes of np.eye(3) under another header."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text) + 1) + text + b"\n" + np.eye(3).tobytes()


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "no npy header"),
        (b"\x93NUMPY\x01\0\xff\xff" + GOOD[10:], "no npy header"),
        (GOOD[:-1], "shape (3, 3) of float64, which"),
        (GOOD + b"\0", "shape (3, 3) of float64, which"),
        (header(shape="(3, 2)"), "claims shape (3, 2) of float64"),
        (header(shape="(9999999999999, 9999999999999)"), "claims shape (9999999999999, 9999999999999)"),
        (header(shape="(-3, -3)"), "npy header that chmm does not write"),
        (header(shape="(3, 3), 'shape': (9,)"), "npy header that chmm does not write"),
        (header(shape="[].append(1)"), "npy header that chmm does not write"),
        (header(shape="(" + "1, " * 40 + "9)"), "claims shape (1, 1, 1"),
        (header(order="True"), "npy header that chmm does not write"),
        (header(descr="'|O'"), "npy header that chmm does not write"),
        (header(descr="'>f8'"), "npy header that chmm does not write"),
        (header(descr="'<U2'"), "npy header that chmm does not write"),
        (header(descr="'<f2'"), "dtype '<f2', which chmm does not write"),
        (header(descr="'|b8'"), "dtype '|b8', which chmm does not write"),
        (header(descr="'|b1'", shape="(72,)"), "bytes other than 0 and 1"),
        (npy(np.array([None]), allow_pickle=True), "npy header that chmm does not write"),
        (npy(np.eye(3), version=(2, 0)), "npy header that chmm does not write"),
        (npy(np.asfortranarray(np.arange(6.0).reshape(2, 3))), "npy header that chmm does not write"),
    ],
)
def test_forged_array(path, content, words):
    refused(path, zipped([("chmm.json", document()), ("a.npy", content)]), words)


def test_no_memory_for_an_array_without_bytes(path):
    for size in (2**62, 2**80, 10**400):
        content = header(shape=f"(0, {size})")[: -72]
        refused(path, zipped([("chmm.json", document()), ("a.npy", content)]))


@pytest.mark.parametrize(
    "name", ["../a.npy", "/a.npy", "a/b.npy", "a\\b.npy", "C:a.npy", "a", "a.npy/", ".npy", "a.pkl", "a\n.npy"]
)
def test_forged_member_names(path, name):
    refused(path, zipped([("chmm.json", document()), (name, GOOD)]), "a member has the name")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(path):
    refused(path, zipped([("chmm.json", document()), ("a.npy", GOOD), ("a.npy", GOOD)]), "have the same name")
    refused(path, zipped([("chmm.json", document())] * 2 + [("a.npy", GOOD)]), "have the same name")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_not_unpacked(path, method):
    bomb = zipped([("chmm.json", document()), ("a.npy", bytes(10**7))], compression=method)
    assert len(bomb) < 20_000
    refused(path, bomb, "compressed or encrypted")


def changed(content, field, value, *, entry=1):
    """The zip with one field of one entry of its table of contents overwritten."""
    offset, form = {"method": (10, "<H"), "packed": (20, "<L"), "size": (24, "<L"), "offset": (42, "<L")}[field]
    position = -1
    for _ in range(entry + 1):
        position = content.index(b"PK\x01\x02", position + 1)
    forged = bytearray(content)
    struct.pack_into(form, forged, position + offset, value)
    return bytes(forged)


def test_forged_sizes_and_places(path):
    good = zipped([("chmm.json", document()), ("a.npy", GOOD)])
    refused(path, changed(good, "size", 2**31), "claims two sizes")
    refused(path, changed(changed(good, "size", 2**31), "packed", 2**31), "claim more bytes than the file has")
    refused(path, changed(good, "offset", 0), "overlaps another")
    refused(path, changed(good, "offset", len(good)), "claim more bytes than the file has")
    refused(path, changed(good, "method", 8), "compressed or encrypted")


def test_forged_table_of_contents(path):
    good = zipped([("chmm.json", document()), ("a.npy", GOOD)])
    end = len(good) - 22
    many = good[: end + 8] + struct.pack("<HH", 2000, 2000) + good[end + 12 :]
    refused(path, many, "it claims 2000 members; a model has at most 1001")
    large = good[: end + 12] + struct.pack("<L", 2**31) + good[end + 16 :]
    refused(path, large, "table of contents claims 2147483648 bytes")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**40, 2**40, 2**50, 0)
    refused(path, good[:end] + record + locator + good[end:], "it claims 1099511627776 members")
    refused(path, good[:end] + locator + good[end:])
    refused(path, zipped([(f"x{i}.npy", b"") for i in range(1002)]), "it claims 1002 members")


def test_64_bit_zip(path, monkeypatch):
    """Above 2 GiB the zip's tables change; with a lower limit a small file takes that form."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    storage.write(path, METADATA, ARRAYS)
    monkeypatch.undo()
    assert b"PK\x06\x07" in path.read_bytes()
    assert same(storage.read(path), (METADATA, ARRAYS))
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        refused(path, content[:length])


def test_path_forms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage.write("模型", {"x": 1}, {})  # no suffix is added
    assert os.listdir() == ["模型"] and storage.read(Path("模型")) == ({"x": 1}, {})
    with pytest.raises(TypeError):
        storage.write(io.BytesIO(), {}, {})
    with pytest.raises(TypeError):
        storage.read(io.BytesIO())


FORGED = {  # where, and what a forger puts there: of the wrong length, type or name
    "emission": ["nosuch"],
    "n_states": [7, 2.0, "two"],
    "states": [["x"], ["x", "y", "z"], ["y", "x"], [7, 8], [1.5, 2], {"x": 1}, 7],
    "final_states": [["z"], [0], [], 7],
    "learnt.states": [["x"], ["x", "y", "z"], ["y", "x"], [7, 8], [1.5, 2], {"x": 1}, 7],
    "learnt.final": [[2], [-1], [], ["y"], [0.5], 7],
    "learnt.n_iter": ["seven", 1.5, None, -1],
    "learnt.converged": ["no", None],
    "learnt.named": ["no", None],
    "learnt.report": [[], None],
}


@pytest.mark.parametrize("place, value", [(place, value) for place, values in FORGED.items() for value in values])
def test_forged_arguments_of_a_learnt_model_are_found(tmp_path, place, value):
    from chmm import Model, storage

    path = tmp_path / "model.npz"
    Model(states=["x", "y"], final_states=["y"], random_state=0).fit("ababb").save(path)
    metadata, arrays = storage.read(path)
    *inside, name = place.split(".")
    there = metadata["model"]["learnt"] if inside else metadata["model"]
    assert there.get(name) != value
    there[name] = value
    storage.write(path, metadata, arrays)
    with pytest.raises(ValueError, match=r"does not hold a whole model: (?!.*object|.*argument after)"):
        Model.load(path)


@pytest.mark.parametrize("names", [["a", "a"], ["a", 1], [3, 4], [0, 0], ["a"]])
def test_forged_names_of_channels_are_found(tmp_path, names):
    from chmm import Model, Poisson, Product, storage

    path = tmp_path / "model.npz"
    Model(2, Product(a=Poisson(), b=Poisson()), random_state=0).fit(np.array([[1, 2], [3, 4], [9, 9]])).save(path)
    metadata, arrays = storage.read(path)
    metadata["model"]["learnt"]["emission"]["names"] = names
    storage.write(path, metadata, arrays)
    with pytest.raises(ValueError, match=r"does not hold a whole model: .* cannot be the names of 2 channels"):
        Model.load(path)


def test_parameters_that_a_file_lacks_are_found(tmp_path):
    from chmm import Gaussian, Model, storage

    path = tmp_path / "model.npz"
    Model(2, Gaussian(), random_state=0).fit([0.5, 1.5, 2.5, 9.5]).save(path)
    metadata, arrays = storage.read(path)
    del arrays["emission_.covariances"]
    storage.write(path, metadata, arrays)
    with pytest.raises(ValueError, match=r"does not hold a whole model: .* lacks parameters"):
        Model.load(path)


@pytest.mark.parametrize("change", [{"n_states": 3}, {"states": "pq"}, {"transmat": [[1.0]]}, {"final_states": [5]}])
def test_no_file_is_written_that_could_not_be_read(tmp_path, change):
    from chmm import Model

    model = Model(2, random_state=0).fit("ababb").set_params(**change)
    with pytest.raises(ValueError, match=next(iter(change))):
        model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())
