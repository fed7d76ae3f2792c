"""Frames in, frames out: answers of one value a step have the index of the data that they are about."""

import sys
from collections.abc import Mapping

import numpy as np

from . import arrow


def as_data(X, answer, columns=None):
    """The answer to a question about X, its arrays as Series or frames where X is made of these (pandas').

    answer : an array of one row a step; a list of these, or a dict, if X has several sequences.
    columns : names of the columns of an answer with several.
    """
    if type(X) is str or type(X) is np.ndarray or _without_index(X):
        return answer
    if not isinstance(answer, list | dict):
        return like(X, answer, columns)
    parts = _parts(X) if isinstance(answer, dict) else X
    if not any(hasattr(kind, "iloc") for kind in set(map(type, parts))):
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


def like(x, table, columns=None):
    """An array of one row a step as a Series or frame with the index of x, if x has one; else the array itself."""
    if table is None or not hasattr(x, "iloc"):
        return table
    pandas = sys.modules["pandas"]
    if table.ndim == 1:
        return pandas.Series(table, index=x.index, name=getattr(x, "name", None))
    return pandas.DataFrame(table, index=x.index, columns=columns)


def filled(X, answer, form):
    """What `missing.impute` says of X, which has this form, as X came: arrays, Series or frames."""
    if _without_index(X):
        X = [None] * len(answer) if form == "list" else None
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
