"""Symbols from a finite alphabet."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import check_counts, check_frozen, check_probabilities, refuse_row_names
from ..sequences import NO_STEPS
from ..statistics import rounded
from ..symbols import Symbols, plural, shown
from .constructors import Frozen
from .observing import Observed
from .survey import Survey
from .table import Table


class Categorical(Table):
    """One of M symbols at each step.

        b_i(k) = probs[i, k]

    Parameters
    ----------
    probs : (n_states, n_symbols), each row summing to 1; a fit starts from it. A 0 is structural and stays 0. None:
        learnt.
    symbols : the alphabet, in the order of the columns: a str of characters, or a list of str, int or bool.
        None: 0 ... M-1 if `probs` is given, otherwise the symbols of the data, sorted.
    pseudocount : added to every count of a symbol in a state; a number or an array that broadcasts to `probs`; None:
        the model's. The update is probs[i, k] = (counts[i, k] + pseudocount) / sum_l (counts[i, l] + pseudocount).
    unknown : treatment of symbols outside the alphabet: "error", or "missing" (such a step has likelihood 1 in every
        state).
    frozen : ("probs",) keeps them as given.

    >>> from chmm import Categorical
    >>> Categorical([[0.5, 0.5], [0.1, 0.9]], symbols=["heads", "tails"])
    Categorical(2 states, 2 symbols: 'heads', 'tails')
    """

    hint = "a pseudocount keeps probabilities away from 0"
    n_features = 1  # of a value, which is one symbol

    def __init__(
        self, probs: Any = None, *, symbols: Any = None, pseudocount: float | None = None, unknown: str = "error",
        frozen: Frozen = (),
    ):  # fmt: skip
        if not isinstance(unknown, str) or unknown not in ("error", "missing"):
            raise ValueError(f"unknown = {shown(unknown)} must be 'error' or 'missing'")
        self.unknown = unknown
        self.pseudocount = None if pseudocount is None else check_counts(pseudocount, "Categorical's pseudocount")
        self._symbols: Any = None if symbols is None else Symbols(symbols)
        self.probs = None
        self.free = None
        if hasattr(probs, "columns"):
            probs, symbols = self._frame(probs, symbols)
            self._symbols = Symbols(symbols)
        if probs is not None:
            columns = None if symbols is None else len(self._symbols)
            if columns is not None and np.ndim(probs) == 2 and np.shape(probs)[1] != columns:
                raise ValueError(f"probs has {np.shape(probs)[1]} columns and symbols holds {columns}; they must agree")
            advice = "; chmm.Scores takes tables whose rows sum to anything, for decoding"
            self.probs = check_probabilities(probs, "probs", (None, columns), advice)
            self.probs.flags.writeable = False
            self.free = self.probs > 0
            if symbols is None:
                self._symbols = Symbols(range(self.probs.shape[1]))
        self.frozen = check_frozen(frozen, self.parameters, probs=self.probs)

    def _frame(self, probs, symbols):
        """(array, symbols) of a frame whose columns are symbols, in the order of `symbols` if these are given, too."""
        refuse_row_names(probs, "probs")
        names = [name.item() if isinstance(name, np.generic) else name for name in probs.columns]
        if symbols is not None:
            if set(names) != set(self.symbols) or len(names) != len(self.symbols):
                raise ValueError(
                    f"the columns of probs, {shown(names)}, are not the symbols, {self._symbols.preview()}; pass "
                    "probs.to_numpy() if its columns are in their order"
                )
            probs, names = probs[list(self.symbols)], list(self.symbols)
        return probs.to_numpy(), names

    @property
    def symbols(self) -> Any:
        """The alphabet, a tuple in the order of the columns of `probs`; None before it is known."""
        return None if self._symbols is None else self._symbols.names

    @property
    def n_symbols(self) -> int | None:
        return None if self._symbols is None else len(self._symbols)

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "symbols" if self._symbols is None else self._symbols.kind

    def arguments(self):
        """A str of characters and a list of them are two kinds of data."""
        return super().arguments() | {"symbols": "".join(self.symbols) if self.kind == "text" else self.symbols}

    def survey(self, data):
        if self._symbols is not None:
            return Survey(kind={data.kind})
        values, kind, missing = self._as_symbols(data)
        if kind == NO_STEPS or (missing is not None and missing.all()):
            return Survey(kind=set(), symbols=set(), declared=set())
        learnt = Symbols.learn(replace(data, values=values, kind=kind, missing=missing))
        return Survey(kind={learnt.kind}, symbols=set(learnt.names), declared={data.categories})

    def prepare(self, survey, n_states, pseudocount):
        super().prepare(survey, n_states, pseudocount)
        kind = next(iter(survey["kind"])) if len(survey["kind"]) == 1 else None
        if self._symbols is None:
            if not survey["symbols"]:
                raise ValueError("X holds nothing but missing values: it has no names to learn")
            if kind is None:
                raise TypeError(f"the data are of several kinds: {', '.join(sorted(survey['kind']))}")
            declared = next(iter(survey["declared"])) if len(survey["declared"]) == 1 else None
            self._symbols = Symbols(declared or sorted(survey["symbols"]), kind)
        elif self._symbols.kind == "letters" and kind in ("text", "words"):
            self._symbols = Symbols(self._symbols.names, kind)

    def observe(self, data):
        values, kind, missing = self._as_symbols(data)
        symbols = self._symbols
        if not symbols.takes(values, kind):
            raise TypeError(
                f"the data are {kind}, the model's symbols are {self._symbols.kind}: {self._symbols.preview()}"
                + self._advice(kind)
            )
        codes, some_unknown = symbols.encode(values, kind, missing, narrow=True)
        if some_unknown:
            where = np.flatnonzero(codes < 0)
            if self.unknown == "error":
                t = int(where[0])
                raise ValueError(
                    f"{data.where(t)}: symbol {self._shown(values, kind, t)} is not among the model's symbols "
                    f"({self._symbols.preview()}); Categorical(unknown='missing') takes unknown symbols as missing"
                )
        notes: dict = {"unknown": {}} if self.unknown == "missing" else {}
        if some_unknown:
            there = values[where].tolist() if hasattr(values, "dtype") else [values[t] for t in where.tolist()]
            notes["unknown"] = {chr(v) if kind == "text" else v: n for v, n in Counter(there).items()}
            codes[where] = len(symbols)
        return Observed(symbols.all_codes, codes, True, notes)

    def inside(self, codes):
        return True

    def embed(self, values):
        return None  # symbols have no distance

    def log_likelihood(self, values):
        return np.log(self.probs.T[values])

    def statistics(self, values, weights):
        counts = np.zeros((weights.shape[1], len(self._symbols)))
        counts[:, values] = weights.T
        return {"counts": counts}

    def cdf(self, values):
        """By the codes of symbols, which are their places in the alphabet."""
        codes = np.clip(np.floor(np.asarray(values, dtype=np.float64)), -1, len(self._symbols) - 1).astype(np.intp)
        total = np.hstack([np.zeros((len(self.probs), 1)), np.cumsum(self.probs, axis=1)])
        total[:, -1] = 1.0
        return total.T[codes.ravel() + 1][:, :, None]

    def expected(self, values):
        """The probability of each symbol; the most probable is the average."""
        return np.broadcast_to(self.probs, (len(values), *self.probs.shape))

    n_expected = property(lambda self: len(self._symbols))

    def averaged(self, table):
        return self._symbols.decode(table.real.argmax(axis=1))[:, None]

    def sample(self, states, rng):
        total = np.cumsum(self.probs, axis=1)
        u = rng.random(len(states)) * total[states, -1]
        codes = np.empty(len(states), dtype=np.intp)
        for i in np.unique(states):
            here = states == i
            codes[here] = np.searchsorted(total[i], u[here], side="right")
        return self._symbols.decode(codes)

    def alphabet(self):
        return self._symbols.all_codes

    def describe(self, data, t):
        values, kind, missing = self._as_symbols(data)
        if missing is not None and missing[t]:
            return "a missing value"
        return f"symbol {self._shown(values, kind, t)}"

    def report(self, statistics):
        facts = super().report({"weights": statistics["counts"].sum(axis=1)})
        impossible = [symbol for symbol, most in zip(self.symbols, self.probs.max(axis=0), strict=True) if not most]
        return {**facts, "impossible_symbols": impossible} if impossible else facts

    def summary(self, state):
        probs = self.probs[state]
        best = [k for k in np.argsort(-probs, kind="stable")[:3] if probs[k] > 0]
        return "emits " + ", ".join(f"{shown(self.symbols[k])} {rounded(probs[k])}" for k in best)

    def settings(self):
        return {
            "symbols": None if self.symbols is None else list(self.symbols),
            "kind": self.kind,
            "pseudocount": np.asarray(self.pseudocount).tolist(),
            "unknown": self.unknown,
            **super().settings(),
        }

    @classmethod
    def restored(cls, settings, arrays, members):
        emission = cls(arrays.get("probs"), **{key: value for key, value in settings.items() if key != "kind"})
        if emission.symbols is not None:
            kinds = ("letters", "text", "words") if emission.kind == "letters" else (emission.kind,)
            if settings["kind"] not in kinds:
                raise ValueError(f"symbols cannot be of the kind {settings['kind']!r}")
            emission._symbols = Symbols(emission.symbols, settings["kind"])
        return emission

    # ---------------------------------------------------------------------------------------------------------------

    def _as_symbols(self, data):
        """(values, kind, missing); whole floats count as integers."""
        if data.kind == "columns":
            raise TypeError(
                f"X has {data.n_columns} columns; Categorical takes one symbol a step. For columns of several kinds "
                "give a family to each: Product(Categorical(), Gaussian()), or by name for a frame"
            )
        if data.kind != "words" and data.values.ndim == 2:
            n, d = data.values.shape
            raise ValueError(
                f"X is an array of shape {(n, d)}; Categorical takes one symbol a step. If its rows are sequences, "
                "pass list(X); if its columns are sequences, list(X.T)"
            )
        whole = data.as_integers()
        if whole.kind == NO_STEPS or self._symbols is None or self._symbols.kind == "integers":
            data = whole
            if data.kind == "numbers":
                values = np.nan_to_num(data.values)
                t = int(np.argmax((values != np.round(values)) | (np.abs(values) >= 2**53)))
                raise ValueError(f"{data.where(t)}: {data.values[t]} is a float; symbols are str, integers or bools")
        return data.values, data.kind, data.missing

    def _advice(self, kind):
        if kind == "words" and self._symbols.kind == "text":
            return "; pass a text as it is (decode takes one, predict and score take a list of them)"
        if kind == "text" and self._symbols.kind == "words":
            return "; a list of str is a list of texts here: pass sequences of words as lists, [[word, word], ...]"
        return ""

    @staticmethod
    def _shown(values, kind, t):
        return repr(chr(values[t])) if kind == "text" else shown(values[t])

    def __repr__(self):
        states = "any number of states" if self.probs is None else plural(len(self.probs), "state")
        if self._symbols is None:
            return f"Categorical({states}, symbols of the data)"
        return f"Categorical({states}, {plural(len(self._symbols), 'symbol')}: {self._symbols.preview()})"
