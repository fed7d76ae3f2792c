"""Models on disk: one JSON text and some arrays in an uncompressed npz (zip) file. Data only, nothing is executed.

Members are stored as they are, so no member can be larger than the file, and every size is compared with the file's
own before memory is taken. The zip's CRC-32 covers every member, the JSON text lists the arrays that belong to it.
"""

import json
import math
import os
import re
import secrets
import struct
import zipfile

import numpy as np

FORMAT = "chmm"
VERSION = 1

_METADATA = "chmm.json"
_MAX_MEMBERS = 1001  # the JSON text and 1000 arrays
_MAX_DIRECTORY = 1 << 20  # bytes of the zip's table of contents
_BLOCK = 1 << 22  # bytes read at once
_NAME = re.compile(r"\w[\w.\-]{0,199}")
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|][biuf][1248])', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)
_DTYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8")


def write(path, metadata, arrays):
    """Write `metadata` and `arrays` to exactly `path`, whole or not at all; an older file is replaced at the end.

    metadata : dict that JSON gives back unchanged: str keys, str, int, finite float, bool, None, lists, dicts.
        Strings may hold any code point, lone surrogates too.
    arrays : {name: bool, integer, float32 or float64 array}. A name is made of letters, digits, `_`, `.` and `-`.

    The same input makes the same bytes. `numpy.load(path)` reads the file too.
    TypeError or ValueError for what cannot be stored, before anything is written; OSError if the disk refuses.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weather.npz")
    >>> write(path, {"states": ["rainy", "sunny"]}, {"startprob": np.array([0.6, 0.4])})
    >>> read(path)
    ({'states': ['rainy', 'sunny']}, {'startprob': array([0.6, 0.4])})
    """
    path = os.path.realpath(os.fsdecode(path))  # a link stays a link
    arrays = {name: _storable(name, array) for name, array in arrays.items()}
    if len(arrays) >= _MAX_MEMBERS:
        raise ValueError(f"arrays has {len(arrays)} entries; a file holds at most {_MAX_MEMBERS - 1}")
    text = _to_json(metadata, arrays)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{path} exists and is not a file: give the name of a file to write")
    # beside the target: os.replace works within one file system
    temporary = os.path.join(os.path.dirname(path), f".{FORMAT}-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(zipfile.ZipInfo(_METADATA), text)  # ZipInfo: no clock in the file
                for name, array in arrays.items():
                    big = array.nbytes >= 1 << 30
                    with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=big) as member:
                        np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def read(path):
    """(metadata, arrays) of a file made by `write`; the arrays are fresh, writable and C-contiguous.

    A file that is truncated, altered, forged or from another program raises ValueError naming the file and what is
    wrong with it; a file that cannot be opened raises OSError (FileNotFoundError ...). Cost: one read of the file.
    """
    path = os.fsdecode(path)
    with open(path, "rb") as file:
        try:
            return _read(file)
        except _Damaged as error:
            reason = str(error)
        # what zipfile raises for a table of contents or a member that makes no sense
        except (zipfile.BadZipFile, EOFError, RuntimeError, struct.error, ValueError, OverflowError) as error:
            reason = f"it is damaged ({str(error).rstrip('.') or type(error).__name__})"
    raise ValueError(f"{path} cannot be read as a {FORMAT} model: {reason}")


class _Damaged(Exception):
    """What is wrong with the file, in plain words."""


def _storable(name, array):
    if not isinstance(name, str):
        raise TypeError(f"the name of an array must be a str, not {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name an array: use at most 200 letters, digits, '_', '.' and '-'")
    array = np.asarray(array)
    stored = array.dtype.newbyteorder("<")
    if stored.str not in _DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; bool, integers, float32 and float64 can be stored")
    return np.asarray(array, dtype=stored, order="C")


def _to_json(metadata, arrays):
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, not {type(metadata).__name__}")
    document = {"format": FORMAT, "version": VERSION, "arrays": list(arrays), "metadata": metadata}
    try:
        # not as ASCII escapes: JSON joins two escaped lone surrogates to one character
        text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
        unchanged = _from_json(text) == document
    except RecursionError:
        raise ValueError("metadata is nested too deeply for JSON") from None
    except _Damaged as error:
        raise ValueError(f"metadata cannot be stored: {error}") from None
    except ValueError as error:
        raise ValueError(f"metadata cannot be stored as JSON: {error}") from None
    except TypeError as error:
        raise TypeError(f"metadata cannot be stored as JSON: {error}") from None
    if not unchanged:
        raise TypeError("metadata would come back changed from JSON: keys must be str, and sequences lists")
    return text


def _from_json(text):
    def finite(number):
        if not math.isfinite(float(number)):  # NaN, Infinity, and what overflows: 1e999
            raise _Damaged(f"its JSON text holds {number[:20]}, which is not a finite number")
        return float(number)

    def unique(pairs):
        if len(dict(pairs)) < len(pairs):
            raise _Damaged("its JSON text gives a key twice")
        return dict(pairs)

    return json.loads(
        text.decode("utf-8", "surrogatepass"), parse_float=finite, parse_constant=finite, object_pairs_hook=unique
    )


def _read(file):
    size = file.seek(0, os.SEEK_END)
    _check_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_members(members, archive.start_dir)
        metadata, names = _read_metadata(archive)
        stored = {member.filename for member in members if member.filename != _METADATA}
        expected = {name + ".npy" for name in names}
        for missing in sorted(expected - stored):
            raise _Damaged(f"the member {missing!r} is missing")
        for extra in sorted(stored - expected):
            raise _Damaged(f"the member {extra!r} does not belong to it")
        return metadata, {name: _read_array(archive, name) for name in names}


def _check_directory(file, size):
    """The end record first: how large the table of contents claims to be, before zipfile reads all of it."""
    # end record (22 bytes, no comment); above 4 GiB preceded by a 64-bit record (56) and its locator (20)
    file.seek(max(0, size - 98))
    tail = file.read(98)
    if size < 22 or tail[-22:-18] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        raise _Damaged("it is truncated, or no npz file")
    claims = [(22, *struct.unpack("<HL", tail[-12:-6]))]
    if tail[-42:-38] == b"PK\x06\x07" and len(tail) == 98:
        claims.append((98, *struct.unpack("<QQ", tail[32:48])))
    for end, members, directory in claims:
        if members > _MAX_MEMBERS:
            raise _Damaged(f"it claims {members} members; a model has at most {_MAX_MEMBERS}")
        limit = min(_MAX_DIRECTORY, size - end)
        if directory > limit:
            raise _Damaged(f"its table of contents claims {directory} bytes; at most {limit} can be")


def _check_members(members, end):
    """Names that are plain, sizes that fit into the file, one behind the other."""
    if len({member.filename for member in members}) < len(members):
        raise _Damaged("two of its members have the same name")
    for member in members:
        name = member.filename
        if name != _METADATA and not (name.endswith(".npy") and _NAME.fullmatch(name[:-4])):
            raise _Damaged(f"a member has the name {name[:100]!r}, which {FORMAT} does not write")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise _Damaged(f"the member {name!r} is compressed or encrypted, which {FORMAT} does not write")
        if member.file_size != member.compress_size:
            raise _Damaged(f"the member {name!r} claims two sizes, {member.compress_size} and {member.file_size} bytes")
    position = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < position:
            raise _Damaged(f"the member {member.filename!r} overlaps another")
        position = member.header_offset + 30 + len(member.filename) + member.file_size
    if position > end:
        raise _Damaged("its members claim more bytes than the file has")


def _read_metadata(archive):
    if _METADATA not in archive.namelist():
        raise _Damaged(f"it has no member {_METADATA!r}, so another program wrote it")
    text = archive.read(_METADATA)
    try:
        document = _from_json(text)
    except RecursionError:
        raise _Damaged("its JSON text is nested too deeply") from None
    except ValueError as error:
        raise _Damaged(f"its JSON text is damaged ({error})") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _Damaged(f"its JSON text does not name the format {FORMAT!r}")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise _Damaged(f"its version is {_short(version)}, not a positive integer")
    if version > VERSION:
        raise _Damaged(f"it has version {_short(version)} of the format and this {FORMAT} reads up to {VERSION}: "
                       f"install a newer {FORMAT}")
    metadata, names = document.get("metadata"), document.get("arrays")
    if not isinstance(metadata, dict):
        raise _Damaged("its JSON text has no metadata")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise _Damaged("its JSON text does not list the arrays by name")
    return metadata, names


def _read_array(archive, name):
    """One .npy member into a new array. The CRC is compared by zipfile at the member's last byte."""
    size = archive.getinfo(name + ".npy").file_size
    with archive.open(name + ".npy") as member:
        start = member.read(10)
        length = int.from_bytes(start[8:10], "little")
        if len(start) < 10 or length > min(size, 4096):
            raise _Damaged(f"array {name!r} has no npy header")
        match = _NPY_HEADER.fullmatch(start + member.read(length))
        if not match:
            raise _Damaged(f"array {name!r} has an npy header that {FORMAT} does not write")
        if match[2].decode() not in _DTYPES:
            raise _Damaged(f"array {name!r} has dtype {match[2].decode()!r}, which {FORMAT} does not write")
        dtype = np.dtype(match[2].decode())
        shape = tuple(int(n) for n in match[3].replace(b" ", b"").split(b",") if n)
        if len(shape) > 32 or 10 + length + math.prod(shape) * dtype.itemsize != size:
            raise _Damaged(f"array {name!r} claims shape {_short(shape)} of {dtype}, which {size} bytes do not hold")
        array = np.empty(shape, dtype)
        flat = array.reshape(-1).view(np.uint8).data
        for begin in range(0, array.nbytes, _BLOCK):
            flat[begin : begin + _BLOCK] = member.read(min(_BLOCK, array.nbytes - begin))
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
            raise _Damaged(f"array {name!r} is of bools and holds bytes other than 0 and 1")
        return array.astype(dtype.newbyteorder("="), copy=False)


def _short(value):
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
