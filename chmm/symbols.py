"""Symbols and codes: characters, words, integers or bools on one side, 0, 1, 2 ... on the other."""

import re

import numpy as np

from .kernels.counting import encode, look_up, mark
from .memory import indices

NARROW = 0x110000  # integers this close together, such as all characters, are ticked off in a table
LETTERS = "letters"  # single characters that nobody has called text or words yet


class Symbols:
    """An ordered set of distinct str, int or bool. Immutable.

    `kind` is text, words, integers or bools; or letters, for single characters that may come as a text or as words.
    """

    def __init__(self, names, kind=None, argument="symbols"):
        if isinstance(names, set | frozenset | dict) or not hasattr(names, "__iter__"):
            raise TypeError(f"{argument} = {shown(names)} is a {type(names).__name__}; it must be a list of names")
        if isinstance(names, str):
            kind = kind or "text" if argument == "symbols" else None
        names = tuple(v.item() if isinstance(v, np.generic) else v for v in names)
        if not names:
            raise ValueError(f"{argument} is empty")
        for i, name in enumerate(names):
            if not isinstance(name, str | int):
                raise TypeError(f"{argument}[{i}] is {shown(name)}, a {type(name).__name__}, not a str, int or bool")
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
        if kind is None:
            if isinstance(names[0], bool):
                kind = "bools"
            elif isinstance(names[0], int):
                kind = "integers"
            else:
                kind = LETTERS if all(len(name) == 1 for name in names) else "words"
        self.kind = kind
        self._table = None
        if kind in ("text", LETTERS):
            points = np.array([ord(name) for name in names])
            self._table = np.full(int(points.max()) + 1, -1, dtype=np.int32)
            self._table[points] = np.arange(len(names))
        self._is_range = kind == "integers" and names == tuple(range(len(names)))
        if kind == "integers" and not self._is_range:
            if max(names) >= 2**63 and min(names) < 0:
                raise ValueError(f"{argument} holds {min(names)} and {max(names)}: too far apart for 64 bits")
            self._sorted = np.array(sorted(names), dtype=np.uint64 if max(names) >= 2**63 else np.int64)
            self._order = np.array([codes[v] for v in sorted(names)], dtype=np.int32)

    def __len__(self):
        return len(self.names)

    def __deepcopy__(self, memo):
        return self

    @classmethod
    def learn(cls, data, argument="X"):
        """The symbols that occur, sorted."""
        values = data.values
        if data.kind == "nothing" or (data.missing is not None and data.missing.all()):
            raise ValueError(f"{argument} holds nothing but missing values: it has no names to learn")
        if data.kind == "words":
            seen = set(values)
            return cls(sorted(v for v in seen if isinstance(v, str)), "words")
        if data.missing is not None:
            values = values[~data.missing]
        if data.kind == "text":
            return cls([chr(c) for c in distinct(values)], "text")
        return cls(distinct(values))

    def takes(self, values, kind):
        """Whether values are of the symbols' kind. Words of one character may stand for a text, bools for 0 and 1."""
        if kind in (self.kind, "nothing"):
            return True
        if self.kind == "text" and kind == "words":
            return all(v is None or v != v or len(v) == 1 for v in values)
        return (self.kind, kind) in ((LETTERS, "text"), (LETTERS, "words"), ("integers", "bools"))

    def encode(self, values, kind, missing=None):
        """(codes (T,) int32: len(self) where missing, -1 where unknown; whether anything is unknown)."""
        n = len(self.names)
        if kind == "nothing":
            return np.full(len(values), n, dtype=np.int32), False
        if kind == "text":
            codes = indices(len(values))
            return codes, look_up(values, self._table, codes) >= 0
        if kind == "integers" and missing is None and self._is_range and values.dtype.isnative:
            codes = indices(len(values))
            if encode(np.ascontiguousarray(values), n, codes) < 0:
                return codes, False
        if kind == "words":
            get = self.codes.get
            codes = np.fromiter((get(v, -1) for v in values), dtype=np.int32, count=len(values))
        elif kind == "bools":
            table = np.array([self.codes.get(False, -1), self.codes.get(True, -1)], dtype=np.int32)
            codes = table[values.astype(np.uint8)]
        else:
            codes = self._encode_integers(values)
        if missing is not None:
            codes[missing] = n
        return codes, bool(len(codes)) and codes.min() < 0

    def _encode_integers(self, values):
        if not values.dtype.isnative:
            values = values.astype(values.dtype.newbyteorder("="))
        if not self._is_range:
            # cast to the symbols' own type; what does not fit there is unknown
            unsigned = self._sorted.dtype == np.uint64
            if unsigned == (values.dtype == np.uint64):
                outside = np.False_
            else:
                outside = values < 0 if unsigned else values > np.uint64(2**63 - 1)
            values = values.astype(self._sorted.dtype)
            place = np.searchsorted(self._sorted, values).clip(max=len(self._sorted) - 1)
            return np.where((self._sorted[place] == values) & ~outside, self._order[place], np.int32(-1))
        codes = values.astype(np.int32)
        codes[(values < 0) | (values >= len(self.names))] = -1
        return codes

    def decode(self, codes):
        """An array of the symbols themselves."""
        return self.array[codes]

    @property
    def array(self):
        # NumPy's own strings lose trailing NULs
        lossy = isinstance(self.names[0], str) and any(name.endswith("\0") for name in self.names)
        return np.array(self.names, dtype=object if lossy else None)

    def preview(self):
        first = ", ".join(map(shown, self.names[:6]))
        return first if len(self) <= 6 else f"{first}, ... ({len(self)} in all)"


def distinct(values):
    """The distinct integers or bools of an array, sorted, as a list."""
    if values.size and values.dtype.kind != "b":
        low, high = int(values.min()), int(values.max())
        if high - low <= NARROW:
            seen = np.zeros(high - low + 1, dtype=np.uint8)
            mark(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).ravel(), low % 2**64, seen)
            return [low + k for k in np.flatnonzero(seen).tolist()]
    return np.unique(values).tolist()


def shown(value):
    """repr of a value on one line, cut where it is too long for an error message."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = re.sub(r"\n\s*", " ", repr(value))
    except ValueError:  # an int of more digits than Python prints
        text = f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 80 else f"{text[:60]}...{text[-10:]}"
