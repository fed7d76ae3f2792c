"""Frames in, frames out: answers of one value a step have the index of the data that they are about."""

import sys
from collections.abc import Mapping
from itertools import pairwise

import numpy as np


def as_data(X, answer, columns=None):
    """The answer to a question about X, its arrays as Series or frames where X is made of these (pandas').

    answer : an array of one row a step; a list of these, or a dict, if X has several sequences.
    columns : names of the columns of an answer with several.
    """
    if type(X) is str or type(X) is np.ndarray:
        return answer
    if isinstance(answer, list):
        return [like(x, one, columns) for x, one in zip(X, answer, strict=True)]
    if isinstance(answer, dict):
        return dict(zip(answer, map(like, _parts(X, answer), answer.values(), [columns] * len(answer)), strict=True))
    return like(X, answer, columns)


def _parts(X, answer):
    """The sequence that each part of the answer is about."""
    if isinstance(X, Mapping):
        return list(X.values())
    if hasattr(X, "get_group"):
        return [part.drop(columns=[n for n in X.exclusions if n in part]) if part.ndim == 2 else part for _, part in X]
    starts = [0]  # a frame with several levels of index
    for _, rows in X.groupby(level=0, sort=False):
        starts.append(starts[-1] + len(rows))
    return [X.iloc[a:b] for a, b in pairwise(starts)]


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
    if form == "dict":
        return dict(zip(answer, map(_filled, _parts(X, answer), answer.values()), strict=True))
    return list(map(_filled, X, answer)) if form == "list" else _filled(X, answer)


def _filled(x, columns):
    """Columns (T,), a tuple, in the form of x; a list of such samples one by one."""
    if columns is None or isinstance(columns, list):
        return columns and [_filled(x, sample) for sample in columns]
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
