"""Arrow data as steps, without a copy where NumPy can look at the same memory.

    Arrow                                   read as
    integers, floats without nulls          the same memory
    integers with nulls, bools              an array, and a mask of what is missing
    floats with nulls                       an array, NaN where missing
    strings, binaries                       words; Letters if each is a single character
    dictionaries                            what they stand for, with the dictionary as declared categories
    nulls                                   nothing

Several chunks are joined, which copies them. pyarrow is imported when something comes that is not NumPy's already.
"""

from typing import Any

import numpy as np

from .symbols import Letters

NO_TIMES = "times are no observations"

KINDS = {"b": "bools", "i": "integers", "u": "integers", "f": "numbers"}


def is_arrow(x: Any) -> bool:
    """Whether x is read by this module: data of pyarrow, or of another library that offers them by Arrow's C interface
    and would not be an array of numbers or texts to NumPy."""
    kind = type(x)
    if not (hasattr(kind, "__arrow_c_array__") or hasattr(kind, "__arrow_c_stream__")):
        return False
    dtype = getattr(x, "dtype", None)
    if hasattr(kind, "iloc"):  # pandas
        return hasattr(dtype, "pyarrow_dtype")
    if kind.__module__.partition(".")[0] == "polars":
        return dtype is not None and dtype.is_nested()
    return True


def pyarrow() -> Any:
    """The module, or an error that says what to install."""
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise ModuleNotFoundError(
            "Parquet and data in Arrow's format need pyarrow, which is not installed: "
            'python -m pip install "chmm[arrow]"'
        ) from error
    return pyarrow


def opened(x: Any) -> Any:
    """x as an array, chunked array, record batch or table of pyarrow. A stream can be opened once."""
    pa = pyarrow()
    if isinstance(x, pa.Array | pa.ChunkedArray | pa.Table | pa.RecordBatch):
        return x
    if hasattr(x, "__arrow_c_array__"):
        return pa.array(x)
    found = pa.chunked_array(x)
    if not pa.types.is_struct(found.type):
        return found
    return pa.Table.from_batches(map(pa.RecordBatch.from_struct_array, found.chunks), pa.schema(list(found.type)))


def table(x: Any) -> tuple[tuple, list] | None:
    """(names, columns) of a table or record batch; None for other data."""
    pa, x = pyarrow(), opened(x)
    return (tuple(x.schema.names), x.columns) if isinstance(x, pa.Table | pa.RecordBatch) else None


def lists(x: Any, name: str) -> tuple[Any, np.ndarray] | None:
    """(elements, number of elements of each list) of an array of lists; None for other data."""
    pa, x = pyarrow(), opened(x)
    if not _holds_lists(pa, getattr(x, "type", None)):
        return None
    if x.null_count:
        i = int(np.flatnonzero(_array(x.is_null()))[0])
        raise ValueError(f"{name}[{i}] is null, not a sequence: leave it out, or give an empty list")
    counts = _array(pa.compute.list_value_length(x)).astype(np.int64)
    if isinstance(x, pa.Array):
        return x.flatten(), counts
    return pa.chunked_array([chunk.flatten() for chunk in x.chunks], x.type.value_type), counts


def parts(x: Any) -> list | None:
    """The lists of an array of lists, None for those that are null; None for other data."""
    x = opened(x)
    if not holds_lists(x):
        return None
    return [part.values if part.is_valid else None for part in x]


def holds_lists(x: Any) -> bool:
    """Whether x is an array of lists."""
    return _holds_lists(pyarrow(), getattr(opened(x), "type", None))


def _holds_lists(pa, kind):
    is_ = pa.types
    tests = (is_.is_list, is_.is_large_list, is_.is_fixed_size_list, is_.is_list_view, is_.is_large_list_view)
    return kind is not None and any(test(kind) for test in tests)


def as_numpy(x: Any) -> np.ndarray:
    """The values of an array of any flat type, for ids."""
    pa, x = pyarrow(), opened(x)
    if pa.types.is_dictionary(x.type):
        x = x.cast(x.type.value_type)
    return _array(x)


def steps(x: Any, name: str) -> tuple:
    """(values, kind, missing, categories) of an array, as `reading.Steps` has them."""
    pa, x = pyarrow(), opened(x)
    x = x.combine_chunks() if isinstance(x, pa.ChunkedArray) else x
    if isinstance(x, pa.ChunkedArray):  # what combines to several chunks: more than 2 GB of strings
        x = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in x.chunks])
    if isinstance(x, pa.ExtensionArray):
        x = x.storage
    gone = _array(x.is_null()) if x.null_count else None
    if pa.types.is_null(x.type) or not len(x):
        return np.zeros(len(x)), "nothing", gone, None
    if pa.types.is_dictionary(x.type):
        return _coded(pa, x, gone, name)
    if _is_text(pa, x.type):
        return *_coded(pa, _as_large(pa, x).dictionary_encode(), gone, name)[:3], None
    if pa.types.is_floating(x.type):
        return _array(x).astype(np.float64, copy=False), "numbers", None, None
    is_bool = pa.types.is_boolean(x.type)
    if not is_bool and not pa.types.is_integer(x.type):
        raise TypeError(f"{name} has the Arrow type {x.type}; {_advice(pa, x.type, name)}")
    if gone is not None and gone.all():
        return np.zeros(len(x)), "nothing", gone, None
    values = _array(x if gone is None else x.fill_null(False if is_bool else 0))
    return values, KINDS[values.dtype.kind], gone, None


def _coded(pa, x, gone, name):
    """The steps of a dictionary array."""
    known = x.dictionary
    if _is_text(pa, known.type):
        names = _as_large(pa, known).to_pylist()
        names = [v.decode("latin-1") if isinstance(v, bytes) else v for v in names]
    elif pa.types.is_integer(known.type) or pa.types.is_boolean(known.type):
        names = known.to_pylist()
    else:
        return steps(x.cast(x.type.value_type), name)
    if len(set(names)) < len(names):  # two codes for one value
        return _coded(pa, x.cast(x.type.value_type).dictionary_encode(), gone, name)
    codes = _array(x.indices if gone is None else x.indices.fill_null(0))
    if None in names:  # a null in the dictionary
        nulls = np.array([v is None for v in names])[codes]
        gone = nulls if gone is None else gone | nulls
        names = [type(next((v for v in names if v is not None), 0))() if v is None else v for v in names]
    if gone is not None and gone.all():
        return np.zeros(len(x)), "nothing", gone, None
    categories = tuple(v for v, null in zip(names, known.is_null().to_pylist(), strict=True) if not null)
    if not isinstance(names[0], str):
        values = np.array(names)[codes]
        return values, KINDS[values.dtype.kind], gone, categories
    if all(len(v) == 1 for v in names):
        return Letters(np.array(list(map(ord, names)), dtype=np.uint32)[codes]), "words", gone, categories
    words = np.array(names, dtype=object)[codes]
    if gone is not None:
        words[gone] = None
    return words.tolist(), "words", gone, categories


def _is_text(pa, kind):
    is_ = pa.types
    views = (is_.is_string_view, is_.is_binary_view)
    return any(test(kind) for test in (is_.is_string, is_.is_large_string, is_.is_binary, is_.is_large_binary, *views))


def _as_large(pa, x):
    """Texts of one of two types."""
    is_bytes = pa.types.is_binary(x.type) or pa.types.is_large_binary(x.type) or pa.types.is_binary_view(x.type)
    return x.cast(pa.large_binary() if is_bytes else pa.large_string())


def _array(x):
    return x.to_numpy() if hasattr(x, "chunks") else x.to_numpy(zero_copy_only=False)


def _advice(pa, kind, name):
    if _holds_lists(pa, kind):
        return (
            "lists within sequences: a sequence is a flat list, and steps of several columns are a table; by itself, "
            "an array of lists is several sequences"
        )
    if pa.types.is_struct(kind):
        return f"structs are not steps: pa.RecordBatch.from_struct_array({name}) is one sequence with several columns"
    told = "steps are symbols (strings, integers, bools) or numbers"
    if pa.types.is_decimal(kind):
        told += f": {name}.cast('float64')"
    if pa.types.is_temporal(kind):
        told += f"; {NO_TIMES}: choose columns, by table.select([...]) or, of files, chmm.shards(..., columns=[...])"
    return told

