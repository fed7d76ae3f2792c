"""EM on a cluster of Dask's. It needs dask and distributed: pip install "chmm[dask]".

Each worker has a share of the shards, and keeps what it read of them while its memory lasts. A pass over the data is
one task for each worker, which goes through its shards and gives back what it found in each; the client adds that up in
the order of the shards. So parameters go out, sums come back, and the result has the bits of `model.fit(shards)`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

try:
    import cloudpickle
    import dask
    import distributed
    from dask.core import flatten
    from dask.optimization import cull
except ImportError as error:
    raise ImportError('chmm.dask needs dask and distributed: pip install "chmm[dask]"') from error

LARGE = 2**16  # bytes of arguments above which workers pass them on, so that the client need not send them to each


class Cluster:
    """The engine whose shards are spread over the workers of a cluster."""

    def __init__(self, shards, client, persist):
        self._shards, self._client, self._persist = shards, client, persist
        self.names = shards.names
        self._homes: dict = {}  # {number of a shard: worker}
        self._shares: dict = {}  # {worker: (numbers of its shards, they themselves as a Future)}
        self._kept: dict = {}  # {worker: Kept as a Future}

    def map(self, task, *args) -> Iterator:
        """task(piece, *args) for each shard, in their order.

        A task whose worker dies is done again on another worker, by Dask; the next pass divides the shards anew.
        """
        client = self._client
        self._divide()
        packed = cloudpickle.dumps((task, args))
        if len(packed) > LARGE:
            packed = client.submit(bytes, packed, pure=False)
        futures = [
            client.submit(
                work, self._kept[worker], mine, packed, workers=[worker], allow_other_workers=True, pure=False
            )
            for worker, (_, mine) in self._shares.items()
        ]
        try:
            found = dict(zip(self._shares, map(iter, client.gather(futures))))
        except BaseException:  # Ctrl-C, too
            client.cancel(futures)
            raise
        return (next(found[self._homes[k]]) for k in range(len(self.names)))

    def _divide(self):
        """Give each shard a worker that is there."""
        client = self._client
        threads = client.nthreads()
        if not threads:
            client.wait_for_workers(1, timeout=60)
            threads = client.nthreads()
        self._homes = placed(len(self.names), self._homes, threads)
        numbers: dict = {}
        for k in range(len(self.names)):
            numbers.setdefault(self._homes[k], []).append(k)
        held, kept, self._shares, self._kept = self._shares, self._kept, {}, {}
        for worker, mine in numbers.items():
            where = {"workers": [worker], "allow_other_workers": True, "pure": False}
            if worker in held and held[worker][0] == mine:
                self._shares[worker] = held[worker]
            else:
                self._shares[worker] = mine, client.submit(tuple, [self._shards[k] for k in mine], **where)
            self._kept[worker] = kept.get(worker) or client.submit(Kept, **where)


def placed(n: int, homes: dict, threads: dict) -> dict:
    """{shard: worker} for n shards: their number is in proportion to the threads of a worker, as far as that goes.

    homes : {shard: worker} until now; a shard stays where it is unless its worker is gone, or has its share.
    threads : {worker: number of threads}.

    >>> placed(4, {}, {"a": 1, "b": 1})
    {0: 'a', 1: 'b', 2: 'a', 3: 'b'}
    >>> placed(4, {0: "a", 1: "gone", 2: "gone", 3: "b"}, {"a": 1, "b": 1})
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


class Kept(dict):
    """{name of a shard: what was read of it} on one worker. Travels, and is spilt to disk, without its contents."""

    def __reduce__(self):
        return Kept, ()


def work(kept, shards, packed):
    """[task(piece, *args) for each of these shards]."""
    task, args = cloudpickle.loads(packed)
    out = []
    for shard in shards:
        out.append(task(shard.read(), *args))
    return out
