"""Symbols and their codes: characters, words, integers or bools, numbered 0, 1, 2 ..."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from . import memory
from .kernels.counting import encode, look_up, mark

NARROW = 0x110000  # a table finds the distinct values of integers within a range like that of all characters
LETTERS = "letters"  # single characters that may turn out to be text or words


class Letters:
    """Words of one character each, kept as code points: behaves like a list of str and is encoded as fast as text."""

    ndim = 1

    def __init__(self, points: np.ndarray):
        self.points = points  # (T,) uint32

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, t: Any) -> Any:
        points = self.points[t]
        return Letters(points) if isinstance(points, np.ndarray) else chr(points)

    def __iter__(self) -> Iterator[str]:
        return map(chr, self.points.tolist())


class Symbols:
    """An ordered set of distinct str, int or bool. Immutable.

    `kind` is text, words, integers or bools; or letters: single characters, which may be given as a text or as words.
    """

    def __init__(self, names: Any, kind: str | None = None, argument: str = "symbols"):
        listed = hasattr(names, "__iter__") and getattr(names, "ndim", 1) == 1
        if isinstance(names, set | frozenset | dict) or not listed:
            raise TypeError(f"{argument} = {shown(names)} is {a_type(names)}; it must be a list of names")
        if isinstance(names, str):
            kind = kind or "text" if argument == "symbols" else None
        names = tuple(map(plain, names))
        if not names:
            raise ValueError(f"{argument} is empty")
        for i, name in enumerate(names):
            if not isinstance(name, str | int):
                raise TypeError(f"{argument}[{i}] is {shown(name)}, {a_type(name)}, not a str, int or bool")
            if type(name) is not type(names[0]):
                mixed = f"{shown(names[0])} and {shown(name)}"
                raise TypeError(f"{argument} mixes {mixed}; all must be str, all int or all bool")
            if isinstance(name, int) and not -(2**63) <= name < 2**64:
                raise ValueError(f"{argument}[{i}] = {name} does not fit into 64 bits")
        codes = {name: i for i, name in enumerate(names)}
        if len(codes) < len(names):
            twice = next(name for i, name in enumerate(names) if codes[name] != i)
            raise ValueError(f"{argument} holds {shown(twice)} twice")
        self.names = names
        self.codes = codes
        self.all_codes = np.arange(len(names))
        if kind is None and isinstance(names[0], str):
            kind = LETTERS if all(len(name) == 1 for name in names) else "words"
        self.kind = kind = kind or ("bools" if isinstance(names[0], bool) else "integers")
        self._is_range = kind == "integers" and names == tuple(range(len(names)))
        if kind == "integers" and max(names) >= 2**63 and min(names) < 0:
            raise ValueError(f"{argument} holds {min(names)} and {max(names)}: too far apart for 64 bits")

    def __len__(self) -> int:
        return len(self.names)

    def __deepcopy__(self, memo: dict) -> "Symbols":
        return self

    @cached_property
    def _table(self) -> np.ndarray:
        """The code of each code point; -1 if it is no symbol."""
        codes = {ord(name): i for i, name in enumerate(self.names) if len(name) == 1}
        table = np.full(max(codes, default=-1) + 1, -1, dtype=np.int32)
        table[list(codes)] = list(codes.values())
        return table

    @classmethod
    def learn(cls, data: Any, argument: str = "X") -> "Symbols":
        """The categories declared by the data, in their order; else the symbols that occur, sorted."""
        values = data.values
        if data.categories:
            return cls(data.categories, "words" if data.kind == "words" else None)
        if data.kind == "nothing" or (data.missing is not None and data.missing.all()):
            raise ValueError(f"{argument} holds nothing but missing values: it has no names to learn")
        if data.kind == "words":
            if isinstance(values, Letters):
                return cls(map(chr, distinct(values.points)), "words")
            return cls(sorted(v for v in set(values) if isinstance(v, str)), "words")
        if data.missing is not None:
            values = values[~data.missing]
        if data.kind == "text":
            names = list(map(chr, distinct(values)))
            if argument == "y" and data.n_sequences > 1 and 2 * len(names) > data.n_steps:
                raise ValueError(
                    f"y holds {data.n_sequences} texts, read as one label for each character, and {len(names)} "
                    f"different labels on {data.n_steps} characters do not fit them. If X and y are words and their "
                    "tags, they are one sequence: pass [X], [y]; if each character is the name of a state, name the "
                    "states: states=..."
                )
            return cls(names, "text")
        return cls(distinct(values))

    def takes(self, values: Any, kind: str) -> bool:
        """Whether values are of the kind of the symbols. Words of one character count as text, bools as 0 and 1."""
        if kind in (self.kind, "nothing"):
            return True
        if self.kind == "text" and kind == "words":
            return isinstance(values, Letters) or all(v is None or v != v or len(v) == 1 for v in values)
        return (self.kind, kind) in ((LETTERS, "text"), (LETTERS, "words"), ("integers", "bools"))

    def encode(
        self, values: Any, kind: str, missing: np.ndarray | None = None, narrow: bool = False
    ) -> tuple[np.ndarray, bool]:
        """(codes (T,) int32: len(self) where missing, -1 where unknown; whether any is unknown).

        narrow : whether very long data may get codes of one byte, uint8, if they suffice and none is unknown. If values
        are their own codes, these are the same memory.
        """
        if narrow and len(values) >= memory.LONG and len(self) < 256:
            codes = self._bytes(values, kind, missing)
            if codes is not None:
                return codes, False
        n = len(self.names)
        if kind == "nothing":
            return np.full(len(values), n, dtype=np.int32), False
        if isinstance(values, Letters):
            values, kind = values.points, "text"
        if kind == "text":
            codes = memory.indices(len(values))
            some_unknown = look_up(values, self._table, codes) >= 0
            if missing is not None:  # where whole sequences are
                codes[missing] = n
                some_unknown = bool((codes < 0).any())
            return codes, some_unknown
        if kind == "integers" and missing is None and self._is_range and values.dtype.isnative:
            codes = memory.indices(len(values))
            if encode(np.ascontiguousarray(values), n, codes) < 0:
                return codes, False
        names = values if kind == "words" else distinct(values)
        codes = np.fromiter((self.codes.get(name, -1) for name in names), dtype=np.int32, count=len(names))
        if kind != "words":
            codes = codes[np.searchsorted(np.array(names, dtype=values.dtype), values)]
        if missing is not None:
            codes[missing] = n
        return codes, bool(len(codes)) and codes.min() < 0

    def _bytes(self, values, kind, missing):
        """Codes of one byte, coded window by window; None if any value is unknown."""
        are_codes = self._is_range if kind == "integers" else kind == "bools" and self.names == (0, 1)
        if are_codes and missing is None and values.itemsize == 1 and values.flags.c_contiguous:
            if values.min() < 0 or values.max() >= len(self):
                return None
            codes = values.view(np.uint8)
            codes.flags.writeable = False
            return codes
        codes = np.empty(len(values), dtype=np.uint8)
        for where in memory.windows(len(values)):
            gone = None if missing is None else missing[where]
            codes[where], some_unknown = self.encode(values[where], kind, gone)
            if some_unknown:
                return None
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """An array of the symbols themselves."""
        return self.array[codes]

    @property
    def array(self) -> np.ndarray:
        """The names, in order."""
        # NumPy's own strings lose trailing NULs
        lossy = isinstance(self.names[0], str) and any(name.endswith("\0") for name in self.names)
        return np.array(self.names, dtype=object if lossy else None)

    def preview(self) -> str:
        """The first few names, for a message."""
        first = ", ".join(map(shown, self.names[:6]))
        return first if len(self) <= 6 else f"{first}, ... ({len(self)} in all)"


def plain(value: Any) -> Any:
    """The plain Python value of NumPy's scalars and of members of an Enum that are str or int."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def distinct(values: np.ndarray) -> list:
    """The distinct integers or bools of an array, sorted, as a list."""
    if values.dtype.kind == "b":
        return [name for name, seen in ((False, not values.all()), (True, values.any())) if seen]
    if values.size:
        low, high = int(values.min()), int(values.max())
        if high - low <= NARROW:
            seen = np.zeros(high - low + 1, dtype=np.uint8)
            mark(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).ravel(), low % 2**64, seen)
            return [low + k for k in np.flatnonzero(seen).tolist()]
    return np.unique(values).tolist()


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def a_type(value: Any) -> str:
    """Its type with an article.

    >>> a_type(5), a_type({})
    ('an int', 'a dict')
    """
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def shown(value: Any) -> str:
    """repr of a value on one line, shortened if it is too long for an error message."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = re.sub(r"\n\s*", " ", repr(value))
    except ValueError:  # an int of more digits than Python prints
        text = f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 80 else f"{text[:60]}...{text[-10:]}"
