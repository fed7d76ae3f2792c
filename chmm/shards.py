"""Data in pieces, on disk or wherever they come from, which are read again in every pass over them.

A shard is read by one thread while those before it are worked on. What is learnt from them adds up in their order, so
that it has the same bits for any number of threads.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import known as knowledge
from . import sequences, sources
from .arrow import as_numpy, is_arrow, pyarrow
from .checks import check_choice, check_number
from .e_step import expectation
from .evaluation import Assessment, evaluate
from .exceptions import entitle, quiet
from .fit import Fit
from .inference import Scratch
from .known import with_gaps
from .parallel import POLL, within, workers
from .passes import Piece, entitled
from .questions import Question
from .sources import PATHS, Choice
from .statistics import Statistics
from .symbols import a_type, plain, shown

END = object()
Name = Any  # of a shard: a str, or its number


def shards(source: Any, *, columns: Any = None, ids: Any = None, y: Any = None, keep: float = 0) -> "Shards":
    """Data in pieces, for data that do not fit in memory. Pass the result as X to `Model.fit`, and to the methods that
    have an answer for each sequence or step.

    source :

    - a path with wildcards, or a list of paths, of .npy (one array), .npz (a sequence under each name), .txt (UTF-8, a
      sequence on each line) or .parquet files (these need pyarrow). What a wildcard finds is sorted.
    - an Arrow dataset, whose fragments are the shards, or an Arrow table, whose record batches are; a Dask bag, array
      or data frame, whose partitions are. Columns in the names of a dataset's folders are read if they are named.
    - a dict by name, a list, or another iterable that can be walked again and again, of what a shard is: anything that
      `fit` takes as X, (name, X), (name, X, y), or a function without arguments that returns X or (X, y).

    columns : the column, or a list of the columns, that is observed: a name, or the number of a column of an array;
    None: all but the next two. ids : a column that identifies the sequence of each step, as in `fit`; without it, a
    table or an array is one sequence, and a column of Arrow lists has one in each row. No sequence goes on in the next
    shard. y : a column of labels, in the forms that `fit` takes; of .txt and .npy files also paths of files of labels.

    keep : bytes. A fit reads the first shards once and keeps them in memory, as far as this goes; the result has the
    same bits. On a cluster, `persist` says what is kept.

    A shard is named after its file, or by its number. All other shards are read again in every pass over the data, and
    must have the same contents each time. At most n_jobs + 1 of these are in memory at a time.

    >>> import numpy as np
    >>> import chmm
    >>> rng = np.random.default_rng(0)
    >>> data = chmm.shards([rng.normal(np.repeat([0, 5], 50)) for _ in range(4)])
    >>> data
    Shards(0, 1, 2, ... (4 in all))
    >>> model = chmm.Model(2, chmm.Gaussian(), random_state=0).fit(data)
    >>> model.emission_.means.round().ravel().tolist()
    [0.0, 5.0]
    """
    if isinstance(source, Shards):
        raise TypeError("source is made by chmm.shards already: pass it to the model")
    for name, value in (("ids", ids), ("y", y)):
        if not isinstance(value, Hashable | list):
            raise TypeError(f"{name} = {shown(value)} must name a column; labels of a shard go with it, (name, X, y)")
    if not isinstance(columns, Hashable | list | np.ndarray):
        raise TypeError(f"columns = {shown(columns)} must be a column or a list of columns, by name or number")
    choice = Choice(list(columns) if isinstance(columns, np.ndarray | range) else columns, ids, y)
    made = _made(sources.partitions(source) if hasattr(source, "__dask_graph__") else source, choice)
    made.keep = check_number(keep, "keep")
    if keep:
        made.sequence()  # or an error
    return made


def _made(source, choice):
    if isinstance(source, PATHS) or (isinstance(source, list | tuple) and _are_paths(source)):
        return Shards(*sources.files(source, choice))
    if isinstance(source, Mapping):
        return Shards(sources.awaited(list(source.values())), list(source), choice)
    if hasattr(source, "get_fragments"):
        schema, source = source.schema, list(source.get_fragments())
        paths = [Path(fragment.path) for fragment in source if hasattr(fragment, "path")]  # else it is in memory
        if len(set(paths)) == len(source):
            return Shards([sources.Fragment(one, schema) for one in source], sources.names_of(paths), choice)
    elif hasattr(source, "to_batches"):
        source = source.to_batches()
    if isinstance(source, Iterator):
        raise TypeError(
            f"source is {a_type(source)}, which can be iterated over only once, and shards are read in every "
            "pass over the data: give a list, or functions that each read one shard"
        )
    if not isinstance(source, Iterable) or isinstance(source, bytes | bytearray) or hasattr(source, "__array__"):
        raise TypeError(
            f"source is {a_type(source)}; give paths, or a list or another iterable of shards; data in memory "
            "need none: fit(X)"
        )
    return Shards(sources.awaited(source), [_named(item, k)[0] for k, item in enumerate(source)], choice)


def _are_paths(items):
    return len(items) > 0 and all(isinstance(item, PATHS) for item in items)


def _named(item, k):
    """(name, what is to be read) of a shard, which has the number k."""
    if isinstance(item, tuple) and len(item) in (2, 3) and isinstance(item[0], str) and not isinstance(item[1], str):
        return item[0], item[1:] if len(item) == 3 else item[1]
    return k, item


class Shards:
    """Data in pieces, each with a name; `shards` makes them.

    names : of the shards, in their order. Walking through them reads one after the other.
    """

    def __init__(self, items: Iterable, names: list, choice: Choice):
        if not names:
            raise ValueError("source holds no shards")
        seen: set = set()
        for name in names:
            if name in seen:
                raise ValueError(f"two shards are called {shown(name)}; each must have a name of its own")
            seen.add(name)
        self.names = names
        self._items, self._choice = items, choice
        self.keep = 0.0  # bytes of what a fit reads that stay in memory

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        more = f", ... ({len(self)} in all)" if len(self) > 3 else ""
        return f"Shards({', '.join(map(shown, self.names[:3]))}{more})"

    def __iter__(self) -> Iterator[Piece]:
        return self.pieces()

    def refuse(self, **given: Any) -> None:
        """TypeError for an argument that shards do not go with."""
        for name, value in given.items():
            if value is not None:
                told = f"say it there, chmm.shards(..., {name}=...)" if name in ("y", "ids") else "they go without it"
                raise TypeError(f"{name} = {shown(value)} was given beside shards: {told}")

    def pieces(self, kind: str | None = None, scratch: Scratch | None = None) -> Iterator[Piece]:
        """The shards, read one after the other. kind : of the symbols that a model knows."""
        items = iter(self._items)
        for k in range(len(self)):
            item = next(items, END)
            if item is END:
                raise ValueError(f"there were {len(self)} shards, and now there are {k}")
            yield self._piece(k, item, kind, scratch)
        if next(items, END) is not END:
            raise ValueError(f"there were {len(self)} shards, and now there are more")

    def read(self, k: int, kind: str | None = None, scratch: Scratch | None = None) -> Piece:
        """The k-th shard."""
        return self._piece(k, self.sequence()[k], kind, scratch)

    def some(self, numbers: Iterable[int]) -> "Shards":
        """Those with these numbers."""
        items, numbers = self.sequence(), list(numbers)
        return Shards([items[k] for k in numbers], [self.names[k] for k in numbers], self._choice)

    def sequence(self) -> Sequence:
        """The shards, any of which can be read."""
        if not isinstance(self._items, Sequence):
            raise TypeError("these shards can only be read one after the other: give a list of them")
        return self._items

    def engine(self, n_jobs: int = 1, kind: str | None = None) -> "Threads":
        """Hands out the shards, to n_jobs threads. Without a kind, before a fit, there are many passes."""
        if kind is not None or not self.keep:
            return Threads(self, workers(n_jobs), kind)
        kept = Kept()
        share = Share(self, kept, lambda piece: sum(map(n_bytes, (piece, *kept.values()))) <= self.keep)
        return Threads(share, workers(n_jobs), kind)

    # Questions

    def answers(self, fit: Fit, ask: Callable, *options: Any, n_jobs: int = 1) -> Iterator[tuple[Name, Any]]:
        """(name, ask(Question, *options)) for each shard, in their order."""
        found = self.engine(n_jobs, fit.emission.kind).map(entitled, answered, fit, ask, options)
        return zip(self.names, found, strict=True)

    def written(
        self, fit: Fit, ask: Callable, *options: Any, to: Any, format: str | None = None, n_jobs: int = 1
    ) -> list[Path]:
        """The files in the folder `to` that hold these answers, in their order."""
        folder = Path(to)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"to = {str(to)!r} is not a folder; answers are files in a folder")
        if format is not None:
            check_choice(format, "format", tuple(WRITERS))
        taken = dict.fromkeys(self._files(), "it is read; answers need another folder")
        for name in self.names:
            path = target(name, folder, format)
            if (reason := taken.get(path.resolve())) is not None:
                raise ValueError(f"the answer about {shown(name)} cannot be written to {str(path)!r}: {reason}")
            taken[path.resolve()] = f"that about {shown(name)} is"
        engine = self.engine(n_jobs, fit.emission.kind)
        return list(engine.map(entitled, write, fit, ask, options, folder, format))

    def assessment(self, fit: Fit, n_jobs: int = 1) -> Assessment:
        """How good the most probable paths are beside the labels of the shards."""
        engine = self.engine(n_jobs, fit.emission.kind)
        found = [one for one in engine.map(entitled, assessed, fit) if one is not None]
        if not found:
            raise ValueError("the shards hold no label to compare with: chmm.shards(..., y=...) says where labels are")
        return sum(found[1:], found[0])

    def statistics(self, fit: Fit, options: Any) -> Statistics:
        """The E-step over all shards."""
        engine = self.engine(options.n_jobs, fit.emission.kind)
        found = engine.map(entitled, counted, fit, options._replace(n_jobs=1, rng=None))
        total = sum(statistics for statistics in found if statistics is not None)
        if not isinstance(total, Statistics):
            raise ValueError("the shards hold no steps to count")
        return replace(total, shards=frozenset(self.names))

    def _files(self):
        """The files that are read."""
        items = self._items if isinstance(self._items, Sequence) else ()
        paths = [path for item in items if isinstance(item, sources.File) for path in item if path is not None]
        fragments = (item.fragment if isinstance(item, sources.Fragment) else item for item in items)
        paths += [one.path for one in fragments if hasattr(one, "physical_schema") and hasattr(one, "path")]
        return {Path(path).resolve() for path in paths}

    @quiet
    def _piece(self, k, item, kind, scratch=None):
        name = self.names[k]
        try:
            parts = sources.read(_named(item, k)[1], self._choice)
        except MemoryError:
            raise
        except Exception as error:
            if type(error) in (TypeError, ValueError, ModuleNotFoundError):
                entitle(error, f"shard {shown(name)}")
                raise
            raise OSError(f"shard {shown(name)} cannot be read: {type(error).__name__}: {error}") from error
        try:
            data = sequences.read(parts.X, None, parts.ids, kind=kind)
            if data.kind == "numbers":
                _ = data.numbers  # here, while others are worked on
            labels = None if parts.y is None else knowledge.read(parts.y, data, "y")
            return Piece(name, data, labels, _ends(parts.ids) if data.n_steps else None, scratch=scratch)
        except (TypeError, ValueError) as error:
            entitle(error, f"shard {shown(name)}")
            raise


def _ends(ids):
    """The ids of the first and last step."""
    if ids is None:
        return None
    array = as_numpy(ids) if is_arrow(ids) else np.asarray(ids)
    return plain(array[0]), plain(array[-1])


class Threads:
    """The engine of shards on one machine: one thread reads them, n_jobs threads work on them."""

    def __init__(self, shards: "Shards | Share", n_jobs: int, kind: str | None = None):
        self.names = shards.names
        self._shards, self._n_jobs, self._kind = shards, n_jobs, kind
        self._scratch = Scratch()

    def map(self, task, *args) -> Iterator:
        """task(piece, *args) for each shard, in their order. At most n_jobs + 1 shards are in memory at a time; answers
        that come before their turn wait, but no more than twice n_jobs of them."""
        pieces, stop = self._shards.pieces(self._kind, self._scratch), np.zeros(1, dtype=np.int32)
        reader, pool = ThreadPoolExecutor(1), ThreadPoolExecutor(self._n_jobs)
        reading: Future | None = None
        working: dict[Future, int] = {}
        answers: dict[int, Future] = {}  # that may be given, in their turn
        n_read, n_given, more = 0, 0, True
        try:
            while more or n_given < n_read:
                if more and reading is None and len(working) <= self._n_jobs and n_read - n_given <= 2 * self._n_jobs:
                    reading = reader.submit(next, pieces, END)
                pending = [*working, reading] if reading is not None else [*working]
                done, _ = wait(pending, timeout=POLL, return_when=FIRST_COMPLETED)
                if reading in done:
                    failed = reading.exception() is not None
                    more = not failed and reading.result() is not END
                    if failed:
                        answers[n_read] = reading
                    elif more:
                        working[pool.submit(quiet(within), stop, task, reading.result(), *args)] = n_read
                    n_read += failed or more
                    reading = None
                for future in working.keys() & done:
                    answers[working.pop(future)] = future
                del done, pending  # they hold what was read
                while n_given in answers:
                    n_given += 1
                    yield answers.pop(n_given - 1).result()
        except BaseException:
            stop[0] = 1
            raise
        finally:
            reader.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(wait=False, cancel_futures=True)


class Kept(dict):
    """{name of a shard: its Piece}, in one process. It travels, and is spilt to disk, without them."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = Scratch()

    def __reduce__(self):
        return Kept, ()


class Share:
    """Shards that are read unless they are kept, and kept as long as there is room.

    has_room : a function of the Piece that was read.
    """

    def __init__(self, shards: Shards, kept: Kept, has_room: Callable[[Piece], bool]):
        self.names, self._shards, self._kept, self._has_room = shards.names, shards, kept, has_room
        for name in kept.keys() - set(self.names):  # they are another worker's now
            del kept[name]

    def pieces(self, kind: str | None = None, scratch: Scratch | None = None) -> Iterator[Piece]:
        for k, name in enumerate(self.names):
            piece = self._kept.get(name)
            if piece is None:
                piece = self._shards.read(k, kind, self._kept.scratch)
                if self._has_room(piece):
                    self._kept[name] = piece
            yield piece


def n_bytes(piece: Piece) -> int:
    """About the memory that a piece takes in a fit: its values, as numbers too unless they are, and 16 bytes a step for
    the row that it sees and what is known of its state."""
    data = piece.data
    size = 8 if data.kind == "numbers" else 16 if data.kind in ("integers", "bools", "text") else 72
    return data.n_steps * (16 + size * data.n_columns)


# Questions about a piece ----------------------------------------------------------------------------------------------


def answered(piece, fit, ask, options):
    return ask(Question(fit, piece.data), *options)


def assessed(piece, fit):
    """An `Assessment`; None if no label is known."""
    labels = piece.labels
    if labels is None or (labels := with_gaps(labels)) is None or not labels.n_steps:
        return None
    return evaluate(Question(fit, piece.data), labels)


def counted(piece, fit, options):
    """The E-step; None if there is nothing to count."""
    if not piece.data.n_steps:
        return None
    problem = Question(fit, piece.data, piece.labels, name="y").problem(learning=True)
    return expectation(problem, options)


def target(name, folder, format):
    """The file of the answer about a shard; without a format, in that of its name, or .npy. It is in the folder, even
    if the name is a path from elsewhere."""
    named = Path(str(name))
    path = folder.joinpath(*(part for part in named.parts if part not in (named.anchor, "..")))
    if path == folder:
        raise ValueError(f"a shard is called {shown(name)}, which is not a valid file name: rename it")
    known = path.suffix[1:] in WRITERS
    return path.with_name(f"{path.stem if known else path.name}.{format or (path.suffix[1:] if known else 'npy')}")


def write(piece, fit, ask, options, folder, format):
    """Write an answer to a file, as a whole or not at all; its path."""
    answer = answered(piece, fit, ask, options)
    path = target(piece.name, folder, format)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            WRITERS[path.suffix[1:]](file, answer, fit.states.names, piece.data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _listed(answer):
    return list(answer.values()) if isinstance(answer, dict) else answer if isinstance(answer, list) else [answer]


def _npy(file, answer, states, data):
    """All sequences, end to end."""
    parts = _listed(answer)
    np.save(file, np.concatenate(parts) if parts else np.empty(0), allow_pickle=False)


def _npz(file, answer, states, data):
    keys = data.keys or range(len(_listed(answer)))
    np.savez(file, **{str(key): part for key, part in zip(keys, _listed(answer), strict=True)})


def _txt(file, answer, states, data):
    """A line for each sequence: of characters if all states are called by one, else with spaces between the names."""
    parts = _listed(answer)
    if any(part.ndim > 1 for part in parts):
        raise ValueError("format = 'txt' takes states; probabilities need 'npy', 'npz' or 'parquet'")
    between = "" if all(len(str(name)) == 1 for name in states) else " "
    for part in parts:
        file.write((between.join(map(str, part.tolist())) + "\n").encode())


def _parquet(file, answer, states, data):
    """A row for each step, with the key or number of its sequence, if there are several."""
    parts = _listed(answer)
    table = np.concatenate(parts) if parts else np.empty(0)
    columns = {"state": table} if table.ndim == 1 else dict(zip(map(str, states), table.T, strict=True))
    if data.form in ("list", "dict"):
        keys = data.keys or range(len(parts))
        columns = {"sequence": [key for key, part in zip(keys, parts, strict=True) for _ in part]} | columns
    sources.parquet().write_table(pyarrow().table(columns), file)


WRITERS = {"npy": _npy, "npz": _npz, "parquet": _parquet, "txt": _txt}
