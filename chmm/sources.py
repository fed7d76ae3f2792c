"""What a shard may be, a file, a table or an array, and what is read of it: values, ids and labels."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import sequences
from .arrow import pyarrow
from .symbols import a_type, shown

PATHS = (str, os.PathLike)


class Choice(NamedTuple):
    """The columns that are asked for, by name or number."""

    columns: Any = None  # one, or a list; None: all that are not named below
    ids: Any = None
    y: Any = None


class Parts(NamedTuple):
    """What is read of a shard, as the arguments of `sequences.read` and `known.read`."""

    X: Any
    ids: Any = None
    y: Any = None


ALL = Choice()


class File(NamedTuple):
    """A file, and one of labels."""

    path: Path
    labels: Path | None = None

    def read(self, choice: Choice) -> Parts:
        try:
            if self.labels is None:
                return READERS[self.path.suffix](self.path, choice)
            parts = READERS[self.path.suffix](self.path, choice._replace(y=None))
            return parts._replace(y=READERS[self.labels.suffix](self.labels, ALL).X)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise ValueError("this is no file of NumPy, or holds Python objects, which are never loaded") from error


class Fragment(NamedTuple):
    """A fragment of an Arrow dataset, whose schema also has the columns that are in the names of folders."""

    fragment: Any
    schema: Any

    def read(self, choice: Choice) -> Parts:
        own = self.fragment.physical_schema.names
        names, _ = _columns(own, choice, self.fragment.path, self.schema.names)
        schema = None if set(names) <= set(own) else self.schema
        return of_arrow(self.fragment.to_table(schema=schema, columns=names, use_threads=False), choice)


def _npy(path, choice):
    return of_array(np.load(path), choice)


def _npz(path, choice):
    """A sequence under each name, or columns under names."""
    with np.load(path) as arrays:
        if choice == ALL:
            return Parts({name: arrays[name] for name in arrays.files})
        names, n = _columns(arrays.files, choice)
        ids, y = (None if name is None else arrays[name] for name in (choice.ids, choice.y))
        return Parts(arrays[names[0]] if n == 1 else Table({name: arrays[name] for name in names[:n]}), ids, y)


def _txt(path, choice):
    """A text on each line, by its number."""
    if choice != ALL:
        raise ValueError("a text has no columns; y may be a path of files of labels")
    with open(path, encoding="utf-8-sig") as file:  # a byte order mark is no symbol
        return Parts(dict(enumerate(line.removesuffix("\n") for line in file)))


def _parquet(path, choice):
    with parquet().ParquetFile(path) as file:
        names, _ = _columns(file.schema_arrow.names, choice, path.as_posix())
        return of_arrow(file.read(names, use_threads=False), choice)


def parquet() -> Any:
    """pyarrow's reader and writer of Parquet."""
    pyarrow()  # or an error
    from pyarrow import parquet

    return parquet


READERS: dict[str, Callable[[Path, Choice], Parts]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".txt": _txt,
    ".parquet": _parquet,
}


def read(item: Any, choice: Choice) -> Parts:
    """Of a `File`, a `Fragment`, X, (X, y), or a function that returns one of these."""
    if isinstance(item, File | Fragment):
        return item.read(choice)
    if callable(item) and not hasattr(item, "__array__"):
        item = item()
    X, y = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if isinstance(X, os.PathLike):
        raise TypeError(
            f"{str(X)!r} is a path among other things: give nothing but paths, in a list, or functions that read one "
            "each"
        )
    sequences.refuse_promise(X, "X")
    if hasattr(X, "to_table"):  # an Arrow dataset, or a fragment of one
        schema = X.physical_schema if hasattr(X, "physical_schema") else X.schema
        X = X.to_table(columns=_columns(schema.names, choice)[0], use_threads=False)
    if hasattr(X, "schema") and hasattr(X, "num_rows"):
        parts = of_arrow(X, choice)
    elif hasattr(X, "columns") and np.ndim(X) == 2:
        parts = of_table(X, choice)
    else:
        parts = Parts(X) if choice == ALL else of_array(X, choice)
    return parts if y is None else parts._replace(y=y)


def _columns(names, choice, path="", more=()):
    """(the names of the columns to read, how many of them are observed). more : of columns that must be named."""
    names, others = list(names), [name for name in (choice.ids, choice.y) if name is not None]
    wanted = choice.columns
    if wanted is None:
        wanted = [name for name in names if name not in others]
    elif not isinstance(wanted, list | tuple):
        wanted = [wanted]
    for name in (*wanted, *others):
        if name not in names and name not in more:
            told = "; it is in the names of folders, and pyarrow.dataset.dataset(folder, partitioning='hive') has it"
            told = told if f"/{name}=" in f"/{path}" else ""
            raise ValueError(f"there is no column {shown(name)}, there are {shown(names)}{told}")
    return [*wanted, *others], len(wanted)


class Table:
    """Columns by name, as of a data frame: no mapping, which would be a sequence under each name."""

    ndim = 2

    def __init__(self, arrays: dict):
        self._arrays = arrays
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            told = ", ".join(f"{shown(name)} {array.shape}" for name, array in arrays.items())
            raise ValueError(f"columns of one table have one axis, and one length; these have the shapes {told}")

    @property
    def columns(self):
        return list(self._arrays)

    def __getitem__(self, name):
        return self._arrays[name]

    def __len__(self):
        return len(next(iter(self._arrays.values()), ()))

    def __array__(self, dtype=None, copy=None):
        return np.column_stack(list(self._arrays.values()))


def of_table(table: Any, choice: Choice) -> Parts:
    """Of a data frame."""
    names, n = _columns(table.columns, choice)
    ids, y = (None if name is None else table[name] for name in (choice.ids, choice.y))
    return Parts(table[names[:n]], ids, y)


def of_arrow(table: Any, choice: Choice) -> Parts:
    """Of an Arrow table or record batch. A column of lists has a sequence in each row."""
    names, n = _columns(table.schema.names, choice)
    ids, y = (None if name is None else table.column(name) for name in (choice.ids, choice.y))
    return Parts(table.column(names[0]) if n == 1 else table.select(names[:n]), ids, y)


def of_array(x: Any, choice: Choice) -> Parts:
    """Of an array, whose columns have numbers."""
    if choice == ALL:
        return Parts(x)
    if not hasattr(x, "shape") or np.ndim(x) != 2:
        raise ValueError(f"columns, ids and y are columns of a table, and {a_type(x)} has none")
    names, n = _columns(range(x.shape[1]), choice)
    if any(isinstance(k, bool | np.bool_ | float) for k in names):
        raise TypeError(f"columns of an array have integers as names, got {shown(names)}")
    ids, y = (None if k is None else x[:, k] for k in (choice.ids, choice.y))
    if y is not None and x.dtype.kind == "f" and (np.isnan(y) | (y == np.round(y))).all():  # beside measurements
        y = np.where(np.isnan(y), None, np.nan_to_num(y).astype(np.int64)) if np.isnan(y).any() else y.astype(np.int64)
    return Parts(x[:, names[:n]], ids, y)


# Dask's collections ---------------------------------------------------------------------------------------------------


def partitions(collection: Any) -> dict[str, "Partition"]:
    """{name: a function that computes it} for each partition of a Dask bag, array or data frame."""
    from dask.core import flatten
    from dask.optimization import cull

    if len(set(getattr(collection, "numblocks", (1, 1))[1:]) - {1}):
        raise ValueError("this array is cut between its columns: rechunk({1: -1}) makes blocks of whole rows")
    graph = dict(collection.__dask_graph__())
    keys = list(flatten(collection.__dask_keys__()))
    return {f"partition {k}": Partition(cull(graph, [key])[0], key) for k, key in enumerate(keys)}


def is_future(item: Any) -> bool:
    """Of Dask's."""
    return type(item).__name__ == "Future" and type(item).__module__.partition(".")[0] == "distributed"


def awaited(items: Any) -> Any:
    """The items, with futures as partitions that a cluster has in memory already."""
    if not isinstance(items, list | tuple) or not any(map(is_future, items)):
        return items
    return [Partition({"it": item}, "it") if is_future(item) else item for item in items]


class Partition:
    """One partition of a collection, computed where it is called.

    held : what a cluster has in memory, of a collection that was persisted: Futures, which become data on the way.
    """

    def __init__(self, graph, key):
        from distributed import Future

        self.held = {name: value for name, value in graph.items() if isinstance(value, Future)}
        self.key, self.graph = key, {name: value for name, value in graph.items() if name not in self.held}

    def __getstate__(self):
        return {"graph": self.graph, "key": self.key, "held": {}}

    def __call__(self) -> Any:
        import dask
        from distributed import Future

        held = {name: value.result() if isinstance(value, Future) else value for name, value in self.held.items()}
        return held[self.key] if self.key in held else dask.get(self.graph | held, self.key)


# Which shards there are -----------------------------------------------------------------------------------------------


def files(paths: Any, choice: Choice) -> tuple[list[File], list[str], Choice]:
    """(files, their names, what is to be read of them) of a path or paths, some of which may have wildcards."""
    found, y = _found(paths, "source"), choice.y
    names = names_of(found)
    if not isinstance(y, (*PATHS, list, tuple)) or not {path.suffix for path in found} <= {".npy", ".txt"}:
        return [File(path) for path in found], names, choice
    labels = _found(y, "y")
    if any(path.suffix == ".npy" for path in found) and any(path.suffix == ".txt" for path in labels):
        raise ValueError("y: labels in .txt files go with texts; those of .npy files must be .npy files, too")
    if len(labels) != len(found):
        raise ValueError(f"there are {len(found)} shards and {len(labels)} files of labels; there must be one for each")
    return [File(path, own) for path, own in zip(found, labels, strict=True)], names, choice._replace(y=None)


def _found(paths, argument):
    """Paths of files that can be read; those of a wildcard are sorted."""
    found = []
    for path in [paths] if isinstance(paths, PATHS) else paths:
        path = Path(path)
        parts = [k for k, part in enumerate(path.parts) if any(mark in part for mark in "*?[")]
        if parts and not path.exists():
            some = sorted(Path(*path.parts[: parts[0]]).glob(str(Path(*path.parts[parts[0] :]))))
            if not some:
                raise FileNotFoundError(f"{argument}: no file is called {str(path)!r}")
            found += some
        else:
            found.append(path)
    for path in found:
        if path.is_dir():
            suffix = next((file.suffix for file in sorted(path.iterdir()) if file.suffix in READERS), ".npy")
            which = str(path / f"*{suffix}")
            raise IsADirectoryError(f"{argument}: {str(path)!r} is a folder; say which files, as in {which!r}")
        if not path.exists():
            raise FileNotFoundError(f"{argument}: there is no file {str(path)!r}")
        if path.suffix not in READERS:
            raise ValueError(
                f"{argument}: {str(path)!r} is none of {', '.join(READERS)}; for other files give functions that read "
                "one each, such as [lambda path=path: pd.read_csv(path) for path in paths]"
            )
    return found


def names_of(paths):
    """The names of files, with as much of the path as tells them apart."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        whole = [path.absolute() for path in paths]
        top = os.path.commonpath([path.parent for path in whole])
        names = [path.relative_to(top).as_posix() for path in whole]
    return names
