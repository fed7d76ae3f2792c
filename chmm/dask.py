"""EM on a Dask cluster. It needs dask and distributed: pip install "chmm[dask]".

Each worker is assigned a share of the shards, and keeps what it has read as long as its memory suffices. A pass over
the data is one task per worker, which processes its share and returns the statistics of each shard; the client adds
these up in the order of the shards. So only parameters and sums are sent, and the result is the same to the last bit as
`model.fit(shards)`.
"""

import pickle
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .shards import Kept, Shards, Share, Threads
from .shards import shards as made_from
from .sources import Partition
from .symbols import shown

LARGE = 2**16  # bytes of arguments above which workers pass them on, so that the client need not send them to each
FULL = 0.5  # of a worker's memory limit: what is read when it uses more is not kept
PATIENCE = 60  # seconds to wait for a first worker
NEEDED = 'a cluster needs dask and distributed, which are not installed: python -m pip install "chmm[dask]"'


def fit(model: Any, shards: Any, client: Any = None, *, persist: bool | str = "auto", **options: Any) -> Any:
    """`model.fit(shards, **options)` on a cluster, with the same result to the last bit. Returns the model.

    shards, client, persist : as in `spread`. options : of `Model.fit`, such as callback and progress.

    If a worker dies, another one takes over its task, and the next pass divides the shards among the available workers,
    including new ones: nothing is lost, and nothing is counted twice. Errors are those of `Model.fit`, and leave the
    model unchanged; ConnectionError if the scheduler is gone, MemoryError if shards kill every worker that processes
    them.
    Cost of a pass: each worker is sent the parameters, and the client the statistics of each shard.
    """
    return model.fit(spread(shards, client, persist=persist), **options)


def score(model: Any, shards: Any, client: Any = None, *, persist: bool | str = "auto") -> float:
    """`model.score(shards)` on a cluster: log P(O), summed over all sequences."""
    return model.score(spread(shards, client, persist=persist))


def predict(model: Any, shards: Any, client: Any = None, *, persist: bool | str = "auto", **options: Any) -> Any:
    """`model.predict(shards, **options)` on a cluster.

    options : of `Model.predict`. With to=, a folder that all workers can write to, each worker writes its own paths;
    without it, all paths are returned to the client.
    """
    return model.predict(spread(shards, client, persist=persist), **options)


def spread(shards: Any, client: Any = None, *, persist: bool | str = "auto") -> "Spread":
    """Shards that are processed by a cluster, for `Model.fit` and every method that accepts shards.

    shards : what `chmm.shards` returns, or what it takes, with paths as the workers know them. Of a Dask bag, array or
    data frame, each partition is a shard.
    client : a distributed.Client; None: the one in use.
    persist : whether workers keep what they have read for the next pass or call: "auto", as long as they use less than
    half of the memory that Dask allows them; True; False.

    Workers use as many threads as they have. `n_jobs` has no influence.
    """
    try:
        import distributed
    except ImportError as error:
        raise ModuleNotFoundError(NEEDED) from error
    if persist not in (True, False, "auto"):
        raise ValueError(f"persist = {shown(persist)} must be True, False or 'auto'")
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError("no client is in use: give one, distributed.Client(...)") from error
    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise TypeError(f"client = {shown(client)} must be a distributed.Client that is not asynchronous, or None")
    return Spread(shards if isinstance(shards, Shards) else made_from(shards), client, persist)


class Spread(Shards):
    """Shards that a cluster works on; `spread` makes them."""

    def __init__(self, shards, client, persist):
        shards.some([0])  # or an error, if they can only be read one after the other
        super().__init__(shards._items, shards.names, shards._choice)
        self._client, self._persist, self._engine = client, persist, None

    def engine(self, n_jobs: int = 1, kind: str | None = None) -> Any:
        """Hands out the shards, to the workers; those that were kept, too."""
        if self._engine is None or self._engine.kind != kind:
            self._engine = None  # workers let go of what they keep
            self._engine = Cluster(self, self._client, self._persist, kind)
        return self._engine


class Cluster:
    """The engine of shards that are spread over the workers of a cluster."""

    def __init__(self, shards: Shards, client: Any, persist: bool | str, kind: str | None = None):
        self.names, self.kind = shards.names, kind
        self._shards, self._client, self._persist = shards, client, persist
        self._homes: dict = {}  # {number of a shard: worker}
        self._shares: dict = {}  # {worker: (numbers of its shards, the shards as a Future)}
        self._kept: dict = {}  # {worker: its Kept as a Future}

    def map(self, task, *args) -> Iterator:
        """task(piece, *args) for each shard, in their order."""
        import cloudpickle
        from distributed import KilledWorker

        futures: dict = {}  # {worker: its task}
        try:
            self._divide()
            packed: Any = cloudpickle.dumps((task, args, self.kind, self._persist))
            if len(packed) > LARGE:
                packed = self._client.submit(bytes, packed, pure=False)
            for worker, (_, share) in self._shares.items():
                futures[worker] = self._submit(worker, work, share, self._kept[worker], packed)
            answers = {worker: iter(found) for worker, found in self._client.gather(futures).items()}
        except BaseException as error:  # Ctrl-C, too
            with suppress(Exception):
                self._client.cancel(list(futures.values()))
            if isinstance(error, KilledWorker):
                raise self._deadly(futures, error) from error
            if self._is_gone(error):
                raise ConnectionError("the scheduler, or the connection to it, was lost") from error
            raise
        return (next(answers[self._homes[k]]) for k in range(len(self.names)))

    def _submit(self, worker, *call):
        return self._client.submit(*call, workers=[worker], allow_other_workers=True, pure=False)

    def _divide(self):
        """Give each shard a worker that is there."""
        threads = self._client.nthreads()
        if not threads:
            self._client.wait_for_workers(1, timeout=PATIENCE)
            threads = self._client.nthreads()
        self._homes = divided(len(self.names), self._homes, threads)
        numbers: dict = {}
        for k in range(len(self.names)):
            numbers.setdefault(self._homes[k], []).append(k)
        shares, kept, self._shares, self._kept = self._shares, self._kept, {}, {}
        for worker, mine in numbers.items():
            share = shares[worker][1] if worker in shares and shares[worker][0] == mine else None
            if share is None:
                some = self._shards.some(mine)
                held = {k: item.held for k, item in enumerate(some._items) if isinstance(item, Partition) and item.held}
                share = self._submit(worker, handed, some, held)
            self._shares[worker] = mine, share
            self._kept[worker] = kept.get(worker) or self._submit(worker, Kept)

    def _is_gone(self, error):
        from distributed.client import CancelledError
        from distributed.comm import CommClosedError

        known = isinstance(error, CancelledError | CommClosedError)
        return known or (isinstance(error, Exception) and self._client.status != "running")

    def _deadly(self, futures, error):
        mine = next((self._shares[w][0] for w, future in futures.items() if future.key == error.task), [])
        names = ", ".join(shown(self.names[k]) for k in mine)
        return MemoryError(
            f"all workers died that worked on {names}, {error.allowed_failures + 1} of them, perhaps of too little "
            "memory: make shards smaller, or give workers more memory or fewer threads"
        )


def divided(n: int, homes: dict, threads: dict) -> dict:
    """{shard: worker} for n shards: the workers have as many as they have threads for, as far as that goes.

    homes : {shard: worker} until now; a shard stays where it is unless its worker is gone, or has its share.
    threads : {worker: number of threads}.

    >>> divided(4, {}, {"a": 1, "b": 1})
    {0: 'a', 1: 'b', 2: 'a', 3: 'b'}
    >>> divided(4, {0: "a", 1: "gone", 2: "gone", 3: "b"}, {"a": 1, "b": 1})
    {0: 'a', 3: 'b', 1: 'a', 2: 'b'}
    """
    share = -(-n // sum(threads.values()))
    load, found = dict.fromkeys(threads, 0), {}
    for k, worker in sorted(homes.items()):
        if worker in load and load[worker] < share * threads[worker]:
            found[k] = worker
            load[worker] += 1
    for k in range(n):
        if k not in found:
            found[k] = min(threads, key=lambda worker: (load[worker] + 1) / threads[worker])
            load[found[k]] += 1
    return found


# On a worker ----------------------------------------------------------------------------------------------------------


def handed(shards, held):
    """The shards, and {number of a partition: what its collection has in the memory of the workers}."""
    for k, data in held.items():
        shards._items[k].held = data
    return shards


def work(shards, kept, packed) -> list:
    """[task(piece, *args) for each of these shards], in as many threads as the worker has."""
    from distributed import get_worker

    task, args, kind, persist = pickle.loads(packed)
    worker = get_worker()
    limit = worker.memory_manager.memory_limit

    def has_room(piece):
        return persist is True or (persist and (not limit or worker.monitor.get_process_memory() < FULL * limit))

    share = Share(shards, kept, has_room)
    if worker.state.nthreads == 1 and kept.keys() >= set(shards.names):  # nothing to read meanwhile
        return [task(piece, *args) for piece in share.pieces(kind)]
    return list(Threads(share, worker.state.nthreads, kind).map(task, *args))
