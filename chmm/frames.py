"""Frames in, frames out: answers of one value a step are Series or frames of the library that the data came in, with
their index if they have one; and tables of results as frames."""

import sys
from collections.abc import Mapping

import numpy as np

from . import arrow


def as_data(X, answer, columns=None):
    """The answer to a question about X, its arrays as Series or frames where X is made of these.

    answer : an array of one row a step; a list of these, or a dict, if X has several sequences.
    columns : names of the columns of an answer with several.
    """
    if type(X) is str or type(X) is np.ndarray or _without_index(X):
        return answer
    if not isinstance(answer, list | dict):
        return like(X, answer, columns)
    parts = _parts(X) if isinstance(answer, dict) else X
    if not any(map(_library, set(map(type, parts)))):
        return answer
    answers = answer.values() if isinstance(answer, dict) else answer
    framed = [like(x, one, columns) for x, one in zip(parts, answers, strict=True)]
    return dict(zip(answer, framed, strict=True)) if isinstance(answer, dict) else framed


def _without_index(X):
    """Whether X is Arrow's data, about which answers are arrays."""
    return arrow.is_arrow(X) and not hasattr(X, "iloc")


def _parts(X):
    """The sequences of a dict, of a groupby, or of a frame with several levels of index."""
    if isinstance(X, Mapping):
        return list(X.values())
    if hasattr(X, "get_group"):
        return [part.drop(columns=[n for n in X.exclusions if n in part]) if part.ndim == 2 else part for _, part in X]
    return [rows for _, rows in X.groupby(level=0, sort=False)]


def _library(kind):
    """pandas or polars, if a class is a Series or frame of theirs; else None."""
    if hasattr(kind, "iloc"):
        return sys.modules["pandas"]
    library = sys.modules.get(kind.__module__.partition(".")[0])
    return library if getattr(library, "__name__", "") == "polars" else None


def like(x, table, columns=None):
    """An array of one row a step as a Series or frame, with the index of x if x has one; the array itself if x is
    none."""
    library = None if table is None else _library(type(x))
    if library is None:
        return table
    index = {"index": x.index} if hasattr(x, "iloc") else {}
    if table.ndim == 1:
        name, values = getattr(x, "name", None), table if index or table.dtype != object else table.tolist()
        return library.Series(name=name, **{"data" if index else "values": values}, **index)
    if index:
        return library.DataFrame(table, columns=columns, **index)
    return library.DataFrame(table, schema=columns and list(map(str, columns)), orient="row")


def table(rows, index=None):
    """A pandas DataFrame of columns by name, or of the fields of named tuples in a list; index : its labels."""
    try:
        import pandas
    except ImportError as error:
        raise ModuleNotFoundError("data frames need pandas, which is not installed: pip install pandas") from error
    return pandas.DataFrame(rows, index=index)


def filled(X, answer, form, ids=None):
    """What `missing.impute` says of X, which has this form, as X came: arrays, Series or frames, with the column that
    is `ids`."""
    if _without_index(X):
        X = [None] * len(answer) if form == "list" else None
    if isinstance(ids, str) and ids in getattr(X, "columns", ()):
        k, found = list(X.columns).index(ids), answer if isinstance(answer, list) else [answer]
        found = [(*columns[:k], X[ids], *columns[k:]) for columns in found]
        answer = found if isinstance(answer, list) else found[0]
    if form == "dict":
        return dict(zip(answer, map(_filled, _parts(X), answer.values()), strict=True))
    return list(map(_filled, X, answer)) if form == "list" else _filled(X, answer)


def _filled(x, columns):
    """Columns (T,), a tuple, in the form of x; a list of such samples one by one."""
    if columns is None or isinstance(columns, list):
        return columns and [_filled(x, sample) for sample in columns]
    x = None if _without_index(x) else x
    library = sys.modules.get(type(x).__module__.partition(".")[0])
    if hasattr(x, "columns"):
        table = dict(zip(x.columns, columns, strict=True))
        return library.DataFrame(table, index=x.index) if hasattr(x, "iloc") else library.DataFrame(table)
    if hasattr(x, "iloc"):
        return library.Series(columns[0], index=x.index, name=x.name)
    if hasattr(x, "to_frame"):
        return library.Series(x.name, columns[0])
    if len(columns) == 1:
        return columns[0].reshape(-1, 1) if np.ndim(x) == 2 else columns[0]
    if any(column.dtype.kind not in "iufb" for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.column_stack(columns)
