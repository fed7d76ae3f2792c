"""The runs of one state in a path: a table, a data frame, a BED file."""

import os
from typing import Any, NamedTuple

from . import frames, html
from .symbols import shown

MOST = 20  # rows that are printed


class Segment(NamedTuple):
    """A run of consecutive steps in one state of a path.

    start, stop : the steps are start ... stop - 1. state : its name. proba : P(all of these steps are in this state |
    O).
    """

    start: int
    stop: int
    state: Any
    proba: float


class Segments(tuple[Segment, ...]):
    """The runs of the most probable path of one sequence, in order: a tuple of `Segment`, which prints as a table."""

    names: tuple = ()  # of the states

    def to_frame(self):
        """A pandas DataFrame with the columns start, stop, state and proba."""
        columns = list(zip(*self, strict=True)) or [()] * len(Segment._fields)
        return frames.table(dict(zip(Segment._fields, columns, strict=True)))

    def to_bed(self, path_or_file, chrom: str, states=None) -> None:
        """Write lines in BED format: chrom, start, stop (from 0, stop exclusive, as here), state, and score = 1000 *
        proba.

        path_or_file : a path, or an open text file, to which lines for several sequences can be written. states : those
        to write; None: all.
        """
        if not isinstance(chrom, str) or not chrom or any(c.isspace() for c in chrom):
            raise ValueError(f"chrom = {shown(chrom)} must be a name without spaces, such as 'chr1'")
        if states is not None:
            states = [states] if isinstance(states, str | int) else list(states)
        kept = [run for run in self if states is None or run.state in states]
        for run in kept:
            if any(c in "\t\r\n" for c in str(run.state)):
                raise ValueError(f"the state {shown(run.state)} has a tab or a new line in it, which BED cannot hold")
        text = "".join(f"{chrom}\t{a}\t{b}\t{state}\t{round(1000 * p)}\n" for a, b, state, p in kept)
        if hasattr(path_or_file, "write"):
            path_or_file.write(text)
        else:
            with open(os.fspath(path_or_file), "w", encoding="utf-8") as file:
                file.write(text)

    def _repr_html_(self):
        return html.segments(self, self.names)

    def __repr__(self):
        kept = self if len(self) <= MOST else (*self[: MOST // 2], *self[-MOST // 2 :])
        rows = [Segment._fields, *((str(a), str(b), str(state), f"{p:.4g}") for a, b, state, p in kept)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{a:>{widths[0]}}  {b:>{widths[1]}}  {state:<{widths[2]}}  {p}".rstrip() for a, b, state, p in rows
        ]  # fmt: skip
        if len(kept) < len(self):
            lines.insert(1 + MOST // 2, f"... {len(self) - len(kept)} more")
        return "\n".join(lines)
