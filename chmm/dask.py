"""EM on a cluster of Dask's. It needs dask and distributed: pip install "chmm[dask]".

Each worker has a share of the shards, and keeps what it has read of them while its memory lasts. A pass over the data is
one task for each worker, which goes through its share and gives back what it found in each shard; the client adds that
up in the order of the shards. So parameters go out, sums come back, and the result has the bits of `model.fit(shards)`.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

try:
    import cloudpickle
    import dask
    import distributed
    from dask.core import flatten
    from dask.optimization import cull
    from distributed.client import ClosedClientError
except ImportError as error:
    raise ImportError('chmm.dask needs dask and distributed: pip install "chmm[dask]"') from error

from . import inference, training
from .display import Display
from .exceptions import quiet
from .shards import Shards, Threads
from .symbols import shown

LARGE = 2**16  # bytes of arguments above which workers pass them on, so that the client need not send them to each
FULL = 0.5  # of a worker's memory limit: what is read when it uses more is not kept
PATIENCE = 60  # seconds to wait for a first worker


class Cluster:
    """The engine of shards that are spread over the workers of a cluster."""

    def __init__(self, shards: Shards, client, persist="auto", kind: str | None = None):
        self.names = shards.names
        self._shards, self._client, self._persist, self._kind = shards, client, persist, kind
        self._homes: dict = {}  # {number of a shard: worker}
        self._shares: dict = {}  # {worker: (numbers of its shards, its Share as a Future)}
        self._kept: dict = {}  # {worker: its Kept as a Future}

    def map(self, task, *args) -> Iterator:
        """task(piece, *args) for each shard, in their order.

        If a worker dies, Dask gives its task to another; the next pass divides the shards anew.
        """
        futures: list = []
        try:
            self._divide()
            packed: Any = cloudpickle.dumps((task, args, self._kind, self._persist))
            if len(packed) > LARGE:
                packed = self._client.submit(bytes, packed, pure=False)
            for worker, (_, share) in self._shares.items():
                futures.append(self._submit(worker, work, share, self._kept[worker], packed))
            found = dict(zip(self._shares, map(iter, self._client.gather(futures))))
        except distributed.KilledWorker as error:
            names = ", ".join(shown(name) for name in self._names_of(futures, error))
            raise MemoryError(
                f"every worker that worked on these shards died, perhaps of too little memory: {names}; make them "
                "smaller, or give workers more memory"
            ) from error
        except (distributed.comm.CommClosedError, ClosedClientError, distributed.client.FuturesCancelledError) as error:
            raise ConnectionError(
                "the scheduler, or the connection to it, is gone; nothing of the model has changed"
            ) from error
        finally:  # also of those that nobody waits for after an error or Ctrl-C
            with suppress(Exception):
                self._client.cancel(futures)
        return (next(found[self._homes[k]]) for k in range(len(self.names)))

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
            self._shares[worker] = mine, share or self._submit(worker, Share, self._shards.some(mine))
            self._kept[worker] = kept.get(worker) or self._submit(worker, Kept)


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
