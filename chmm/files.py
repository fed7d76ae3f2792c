"""Models in files of the safetensors layout: data only, nothing is executed.

    8 bytes     length of the header, little-endian
    header      JSON: dtype, shape and place of each array; under "__metadata__" a dict of strings
    the rest    the bytes of the arrays, one after another, little-endian, in C order

Other programs read the arrays with any reader of that format. Everything else is JSON in the metadata's string
"chmm"; its "checksum" is the CRC-32 of all other bytes. A checksum detects damage, not forgery: so every claim is
compared with the contents of the file, and every parameter is checked like the user's own.
"""

import json
import math
import os
import threading
import zlib
from functools import reduce
from typing import BinaryIO

import numpy as np

from . import checks
from .emissions import FAMILIES, Emission, choose
from .fit import Fit
from .ordering import renamed
from .report import Report
from .structure import structure_of, without_frames
from .symbols import Symbols, a_type, shown

VERSION = 1

PathOrFile = str | bytes | os.PathLike | BinaryIO

# the errors that a forged claim may cause in the objects built from it
FORGED = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)

_START = b'{"__metadata__":{"checksum":"'  # the start of every header; eight digits follow
_OWN = {"checksum", "chmm"}  # keys of the metadata
_DTYPES = {f"{kind.upper()}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
_DTYPES |= {"BOOL": np.dtype("?"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_saving = threading.Lock()  # two threads that save to one path share the temporary name


# The file: a document, whose arrays are stored beside it --------------------------------------------------------------


def write(target: PathOrFile, document: dict, metadata: dict | None = None) -> None:
    """Write `document` and the user's `metadata` to a path or an open binary file.

    document : dict for JSON, in which there may also be arrays of bools, integers, float32, float64 or texts. Other
        programs find an array of numbers under the keys that lead to it, joined by dots. Tuples and sets come back as
        lists.
    metadata : {str: str}, notes that any reader of safetensors shows.

    The same input gives the same bytes. A file is written as a whole or not at all: first under a temporary name. If a
    save is killed, that file is left behind, and the next save replaces it. TypeError or ValueError for a value that
    cannot be stored, before anything is written; OSError if the disk fails.

    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, {"states": ["rainy", "sunny"], "startprob": np.array([0.6, 0.4])}, {"author": "me"})
    >>> read(io.BytesIO(file.getvalue()))
    ({'states': ['rainy', 'sunny'], 'startprob': array([0.6, 0.4])}, {'author': 'me'})
    """
    try:
        parts = _packed(document, {} if metadata is None else metadata)
    except RecursionError as error:
        raise ValueError("the document is nested too deeply for a file") from error
    if not isinstance(target, str | bytes | os.PathLike):
        _file(target, "writelines").writelines(parts)
        return
    path = os.path.realpath(os.fsdecode(target))  # a link stays a link
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{path} exists and is not a file: give the name of a file to write")
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder} to write {name} in: create it first")
    temporary = temporary_name(path)
    with _saving:
        try:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            with open(temporary, "xb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
            os.replace(temporary, path)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)


def temporary_name(path: str) -> str:
    """Beside the target, since os.replace works within one file system."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.tmp")


def read(source: PathOrFile) -> tuple[dict, dict[str, str]]:
    """(document, metadata) as `write` took them; the arrays are fresh and writable.

    ValueError, with the reason, for a file that is truncated, altered, forged or from another program; OSError if a
    path cannot be read. Memory: twice the size of the file.
    """
    if isinstance(source, bytes) and b"\0" in source:
        raise TypeError("the content of a file was given instead of its path: pass io.BytesIO(content)")
    if isinstance(source, str | bytes | os.PathLike):
        with open(os.fsdecode(source), "rb") as file:
            content = file.read()
    else:
        content = _file(source, "read").read()
    try:
        return _unpacked(content)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{_name(source)} cannot be read as a chmm model: {error}") from error


def metadata(source: PathOrFile) -> dict[str, str]:
    """The `metadata` that the user passed to `Model.save`."""
    return read(source)[1]


def _file(what, method):
    if not hasattr(what, method):
        raise TypeError(f"{shown(what)} must be a path or a binary file")
    return what


def _name(source):
    return getattr(source, "name", "the file") if hasattr(source, "read") else os.fsdecode(source)


def _packed(document, metadata):
    """The file as a list of buffers."""
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise TypeError(f"metadata = {shown(metadata)} must be a dict of str to str")
    for text in (*metadata, *metadata.values()):
        if text in _OWN or text != text.encode(errors="ignore").decode():
            raise ValueError(f"metadata: {shown(text)} is a key of chmm's own, or holds half a surrogate pair")
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps({"version": VERSION, "document": _plain(document, "", arrays)}, allow_nan=False)
    _json(text)  # refuses here what could not be read back, such as 10^400
    header = {"__metadata__": {"checksum": "0" * 8, "chmm": text, **metadata}}
    body, end = [], 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):  # each aligned to its items
        array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        if array.dtype not in _CODES:
            raise TypeError(f"{name} has dtype {array.dtype}; bool, integers, float32 and float64 can be stored")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _CODES[array.dtype], "shape": array.shape, "data_offsets": [begin, end]}
        body.append(array.reshape(-1).view(np.uint8).data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    start, rest = len(head).to_bytes(8, "little") + _START, head[len(_START) + 8 :]
    return [start, b"%08x" % _checksum(start, rest, *body), rest, *body]


def _checksum(*parts):
    return reduce(lambda crc, part: zlib.crc32(part, crc), parts, 0)


def _unpacked(content):
    n, digits = int.from_bytes(content[:8], "little"), 8 + len(_START)
    if len(content) < 8 + n or content[8:digits] != _START:
        raise ValueError("it is truncated, or another program wrote it")
    crc = _checksum(content[:digits], memoryview(content)[digits + 8 :])
    if content[digits : digits + 8] != b"%08x" % crc:
        raise ValueError("it is damaged: its checksum is that of other bytes")
    header, body = _json(content[8 : 8 + n]), memoryview(content)[8 + n :]
    metadata, arrays, end = header.pop("__metadata__"), {}, 0
    for name, entry in header.items():
        shape, dtype, begin = entry["shape"], _DTYPES[entry["dtype"]], end
        end += math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or entry["data_offsets"] != [begin, end] or end > len(body):
            raise ValueError(f"array {shown(name)} claims shape {shown(shape)}, and not the bytes for it")
        array = np.frombuffer(body[begin:end], dtype).reshape(shape)
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
            raise ValueError(f"array {shown(name)} is of bools and holds bytes other than 0 and 1")
        arrays[name] = array.astype(dtype.newbyteorder("="))
    if end < len(body):
        raise ValueError(f"it has {len(body) - end} bytes more than its arrays take")

    def other(value):
        if value.keys() == {"array"}:
            return arrays.pop(value["array"])
        if value.keys() == {"texts"}:
            return _texts(*(arrays.pop(f"{value['texts']}.{part}") for part in ("characters", "offsets")))
        return dict(value["pairs"]) if value.keys() == {"pairs"} else value

    document = _json(metadata.pop("chmm"), object_hook=other)
    if document["version"] != VERSION:
        raise ValueError(f"its version is {shown(document['version'])}, this chmm reads {VERSION}: use a newer chmm")
    if arrays:
        raise ValueError(f"its arrays {shown(list(arrays))} belong to nothing")
    del metadata["checksum"]
    return document["document"], metadata


def _json(text, **options):
    return json.loads(text, parse_int=_finite, parse_float=_finite, parse_constant=_finite, **options)


def _finite(text):
    """A number; NaN and Infinity are not JSON, and 1e999 and 10^400 exceed all floats."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]}{'...' * (len(text) > 20)} is not a finite number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


# Values that JSON cannot hold are replaced: an array by {"array": name}; a list of texts by {"texts": name}, stored as
# code points and offsets because JSON joins halves of surrogate pairs; a dict whose keys are not texts, or are these
# words, by {"pairs": [[key, value], ...]}.


def _plain(value, name, arrays):
    """`value` in types that JSON can hold; its arrays and texts are added to `arrays`."""
    while name in arrays or f"{name}.offsets" in arrays:  # keys may hold dots, too
        name += "_"
    if isinstance(value, dict):
        items = {key: _plain(item, f"{name}.{key}".lstrip("."), arrays) for key, item in value.items()}
        plain = all(isinstance(key, str) for key in items) and not items.keys() <= {"array", "texts", "pairs"}
        return items if plain else {"pairs": list(items.items())}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays[name] = value
        return {"array": name}
    if isinstance(value, list | tuple | set | frozenset | range | np.ndarray):
        if not len(value) or not all(isinstance(text, str) for text in value):
            return [_plain(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
        texts = sorted(value) if isinstance(value, set | frozenset) else value  # the same bytes each time
        points = "".join(texts).encode("utf-32-le", "surrogatepass")
        arrays[f"{name}.characters"] = np.frombuffer(points, "<u4")
        arrays[f"{name}.offsets"] = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return {"texts": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"{name} = {shown(value)} is {a_type(value)}, which a file cannot hold")
    return value


def _texts(points, offsets):
    if not len(offsets) or offsets[0] or offsets[-1] != len(points) or (offsets[1:] < offsets[:-1]).any():
        raise ValueError("the offsets of its texts do not rise from 0 to the number of characters")
    text = points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return [text[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


# The document of a model ----------------------------------------------------------------------------------------


def save(model, fit: Fit, target: PathOrFile, metadata: dict | None) -> None:
    """Write a model and its fit to a file."""
    write(target, document_of(model, fit), metadata)


def document_of(model, fit: Fit) -> dict:
    """The model's arguments and other attributes, and its fit."""
    checks.options(model)
    structure_of(model, _emission(model), known=fit.states)
    document: dict = {"arguments": arguments_of(model, fit.states)}
    if fit.history is not None:
        document |= {"startprob_": fit.startprob, "transmat_": fit.transmat, "emission_": fit.emission.saved()}
        if fit.endprob is not None:
            document["endprob_"] = fit.endprob
        document["learnt"] = {
            "states": fit.states.names,
            "columns": fit.columns,
            "history": fit.history,
            "final": fit.allowed,
            "n_iter": fit.n_iter,
            "converged": bool(fit.converged),
            "loglik": fit.loglik,
            "report": fit.report,
        }
    return document


def arguments_of(model, states: Symbols) -> dict:
    """The model's arguments and other attributes in types that a file can hold."""
    arguments = without_frames(model, states)
    for name, value in arguments.items():
        if isinstance(value, Emission):
            arguments[name] = value.saved()
        elif hasattr(value, "__array__"):
            arguments[name] = np.asarray(value)
    if not isinstance(model.random_state, int | np.integer):
        arguments["random_state"] = None  # a generator cannot be stored
    return arguments


def require_storable(**values) -> None:
    """TypeError or ValueError for a value that a file cannot hold."""
    _packed(values, {})


def same(one, other) -> bool:
    """Whether a file holds the same of two values."""
    return b"".join(_packed({"": one}, {})) == b"".join(_packed({"": other}, {}))


def _items(found):
    """A fact of the report, whose places are tuples; files hold these as lists."""
    return [tuple(item) if isinstance(item, list) else item for item in found] if isinstance(found, list) else found


def _emission(model):
    return model.emission if isinstance(model.emission, Emission) else None


def load(model_class, source, emissions, required):
    """The model that `save` wrote. required : names of the arguments that every model has."""
    document, _ = read(source)
    try:
        absent = [name for name in required if name not in document["arguments"]]
        if absent:
            raise ValueError(f"it lacks the argument {absent[0]!r}")
        return rebuilt(model_class, document, {family.__name__: family for family in (*FAMILIES, *emissions)})
    except FORGED as error:
        raise ValueError(f"{_name(source)} does not hold a whole model: {error}") from error


def rebuilt(model_class, document, families):
    """The model of a document."""
    arguments, learnt = document["arguments"], document.get("learnt")
    for name, value in arguments.items():
        if isinstance(value, dict) and {"class", "settings", "members"} <= value.keys():
            arguments[name] = Emission.loaded(value, families)
    model = model_class.__new__(model_class)  # a subclass's constructor may take other arguments
    for name, value in arguments.items():
        if name.startswith("_"):
            raise ValueError(f"{name} is no argument")
        setattr(model, name, value)
    checks.options(model)
    if not isinstance(model.emission, Emission) and model.emission != "auto":
        choose(model.emission, None)  # a ValueError for a name that no family has
    if learnt is None:
        model._ready()
        return model
    states = Symbols(learnt["states"], argument="states")
    n, n_iter, history = len(states), learnt["n_iter"], learnt["history"]
    columns, final = learnt["columns"], learnt["final"]
    structure_of(model, _emission(model), known=states)
    for name, good in (
        ("converged", type(learnt["converged"]) is bool),
        ("report", type(learnt["report"]) is dict),
        ("n_iter", type(n_iter) is int and n_iter >= 0),
        ("columns", columns is None or (type(columns) is list and all(type(name) is str for name in columns))),
        ("final", final is None or (final.dtype == bool and final.shape == (n,) and final.any())),
        ("loglik", learnt["loglik"] is None or type(learnt["loglik"]) is float),
        ("history", history.dtype == np.float64 and history.ndim == 1 and np.isfinite(history).all()),
    ):
        if not good:
            raise ValueError(f"{name} is {shown(learnt[name])}, which no fit learns")
    emission = Emission.loaded(document["emission_"], families)
    if not emission.complete or emission.n_states not in (None, n):  # None: Precomputed, which takes any number
        raise ValueError(f"the emission, {emission!r}, lacks parameters, or is not one of {n} states")
    model._fit = Fit(
        checks.check_probabilities(document["startprob_"], "startprob_", (n,)),
        checks.check_probabilities(document["transmat_"], "transmat_", (n, n)),
        emission.published(), states, final, columns and tuple(columns), history, n_iter, learnt["converged"],
        learnt["loglik"], report={fact: _items(found) for fact, found in learnt["report"].items()},
        endprob=checks.check_shares(document["endprob_"], "endprob_", (n,)) if "endprob_" in document else None,
    )  # fmt: skip
    _require_readable(model._fit)
    return model


def _require_readable(fit):
    """An error if the facts of a report are of types or about states that no fit reports: using them finds out."""
    renamed(fit.report, fit.states, fit.states, np.arange(len(fit.states)))
    str(Report(fit.report)), list(fit.rows_of_text()), fit.least_transition
