"""EM on a cluster of Dask's: the bits of one machine, whatever happens to the workers."""

import os
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest

import chmm
from chmm import Categorical, Gaussian, Model, gathering, passes, subset

pytest.importorskip("distributed", reason="a cluster needs dask and distributed")

import dask
import dask.array
import distributed

import chmm.dask

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


@pytest.fixture(scope="module")
def client():
    """Of two processes on this machine, for all tests; a worker that was killed comes back as another one."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        cluster = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=60,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        )
    try:
        with distributed.Client(cluster) as client:
            yield client
    finally:
        cluster.close()


@pytest.fixture(autouse=True)
def passes_over_everything(monkeypatch):
    monkeypatch.setattr(subset, "MOST", 200)  # more than this is not fitted as a sample


def drawn(k, n=6, t=40):
    """Sequences of two states that are easy to tell apart."""
    rng = np.random.default_rng(k)
    return [rng.normal(np.repeat([0.0, 5.0], [10 + i, t - i]), 1.0) for i in range(n)]


def normal(**options):
    return Model(2, Gaussian(), **{"random_state": 0, "max_iter": 5, "tol": 0, "n_init": 2} | options)


def same(one, other):
    for name in ("startprob_", "transmat_", "history_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    for name in one.emission_.parameters:
        np.testing.assert_array_equal(getattr(one.emission_, name), getattr(other.emission_, name), strict=True)
    assert one.loglik_ == other.loglik_ and one.statistics_.shards == other.statistics_.shards
    assert str(one.report_) == str(other.report_)


# The bits of one machine ----------------------------------------------------------------------------------------------


def text(k, labelled=False):
    rng = np.random.default_rng(k)
    lines = ["".join(rng.choice(list("abc"), 30)) for _ in range(8)]
    labels = [list(rng.choice(["x", "y"], 30)) if s % 2 else None for s in range(8)]
    return (lines, labels) if labelled else lines


CASES = {
    "measurements": (normal, drawn),
    "hard EM": (partial(normal, training="viterbi"), drawn),
    "plain EM": (partial(normal, accelerate=False), drawn),
    "text": (partial(Model, 2, Categorical(), random_state=0, max_iter=4, n_init=1), text),
    "labels": (partial(Model, emission=Categorical(), random_state=0, max_iter=4), partial(text, labelled=True)),
}


@pytest.mark.parametrize("make, read", CASES.values(), ids=CASES)
def test_a_fit_on_a_cluster_has_the_bits_of_one_machine(client, make, read):
    shards = chmm.shards([partial(read, k) for k in range(5)])
    same(chmm.dask.fit(make(), shards, client), make().fit(shards))


MEETING = threading.Barrier(3, timeout=30)


def together(piece, family):
    MEETING.wait()  # breaks unless three threads come
    return passes.look(piece, family)


def test_a_worker_uses_its_threads(monkeypatch):
    shards = chmm.shards([partial(drawn, k) for k in range(3)])
    expected = normal().fit(shards)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None, silence_logs=60,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )  # fmt: skip
    monkeypatch.setattr(gathering, "look", together)
    try:
        with distributed.Client(cluster) as client:
            same(chmm.dask.fit(normal(), shards, client), expected)
    finally:
        cluster.close()


def test_uneven_and_empty_shards(client):
    X = {"long": drawn(0, 20), "none": [], "short": [drawn(1, 1)[0][:3]], "one": drawn(2, 1), "empty": [np.empty(0)]}
    for some in (X, {"long": X["long"]}):  # fewer shards than workers
        shards = chmm.shards(some)
        same(chmm.dask.fit(normal(), shards, client), normal().fit(shards))


def test_the_client_in_use_serves_if_none_is_given(client):
    shards = chmm.shards([drawn(k) for k in range(2)])
    same(chmm.dask.fit(normal(max_iter=1), shards), normal(max_iter=1).fit(shards))


def test_large_parameters_go_from_worker_to_worker(client):
    probs = np.random.default_rng(0).dirichlet(np.ones(9000), 2)
    model = partial(Model, startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Categorical(probs))
    shards = chmm.shards([np.random.default_rng(k).integers(0, 9000, 400) for k in range(3)])
    assert probs.nbytes > chmm.dask.LARGE
    same(chmm.dask.fit(model(max_iter=2), shards, client), model(max_iter=2).fit(shards))


def test_questions_about_shards_on_a_cluster(client, tmp_path):
    shards = chmm.shards({f"part {k}": partial(drawn, k) for k in range(4)})
    model = normal().fit(shards)
    assert chmm.dask.score(model, shards, client) == model.score(shards)
    there, here = chmm.dask.predict(model, shards, client), model.predict(shards)
    for (one, paths), (other, own) in zip(there, here, strict=True):
        assert one == other and all(map(np.array_equal, paths, own))
    files = chmm.dask.predict(model, shards, client, to=tmp_path / "there")
    for one, other in zip(files, model.predict(shards, to=tmp_path / "here"), strict=True):
        assert one.name == other.name and one.read_bytes() == other.read_bytes()
    spread = chmm.dask.spread(shards, client)
    for (_, gamma), (_, own) in zip(model.predict_proba(spread), model.predict_proba(shards), strict=True):
        assert all(map(np.array_equal, gamma, own))


def test_one_spread_serves_models_of_unlike_symbols(client):
    shards = chmm.shards([["ab", "cd", "ab", "ab"], ["cd", "ab"]])  # texts, or words to a model of words
    words = Model(2, Categorical(), random_state=0, pseudocount=1).fit([["ab", "cd", "ab"], ["ab", "ab"]])
    spread = chmm.dask.spread(shards, client)
    texts = Model(2, Categorical(), random_state=0, pseudocount=1).fit(spread)
    assert words.score(spread) == words.score(shards) and texts.score(spread) == texts.score(shards)


def collections():
    import dask.bag

    bag = dask.bag.from_sequence(range(6), npartitions=3).map(lambda k: drawn(k, 1)[0])
    yield bag, [[drawn(k, 1)[0] for k in ks] for ks in ([0, 1], [2, 3], [4, 5])], {}
    x = np.concatenate(drawn(0))[:240]
    yield dask.array.from_array(x, chunks=80), [x[:80], x[80:160], x[160:]], {}
    try:
        import dask.dataframe
        import pandas as pd
    except ImportError:
        return
    frame = pd.DataFrame({"user": np.repeat(np.arange(12), 20), "value": x})
    parts = [frame[:80], frame[80:160], frame[160:]]
    yield dask.dataframe.from_pandas(frame, npartitions=3, sort=False), parts, {"ids": "user"}


@pytest.mark.parametrize("k", range(3), ids=["bag", "array", "data frame"])
@pytest.mark.parametrize("persisted", [False, True], ids=["", "persisted"])
def test_the_partitions_of_a_collection_are_shards(client, k, persisted):
    every = list(collections())
    if k == len(every):
        pytest.skip("this needs dask.dataframe")
    collection, parts, options = every[k]
    expected = normal().fit(chmm.shards({f"partition {i}": part for i, part in enumerate(parts)}, **options))
    collection = collection.persist() if persisted else collection
    shards = chmm.shards(collection, **options)
    assert len(shards) == 3
    same(chmm.dask.fit(normal(), shards, client), expected)
    if not options:
        same(chmm.dask.fit(normal(), collection, client), expected)


# Workers that die -----------------------------------------------------------------------------------------------------


def deadly(folder, k, n=1):
    """A shard that kills the process of the worker that reads it, n times from when the folder has a file "armed"."""
    for i in range(n):
        if (folder / "armed").exists() and not (folder / f"died {i}").exists():
            (folder / f"died {i}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return drawn(k)


def test_a_worker_that_dies_in_a_pass_loses_nothing_and_counts_nothing_twice(client, tmp_path):
    pids = set(client.run(os.getpid).values())
    told = []

    def callback(progress):
        told.append(progress.step)
        if len(told) == 20:
            (tmp_path / "armed").touch()

    sources = [partial(deadly, tmp_path, k) if k == 3 else partial(drawn, k) for k in range(6)]
    model = chmm.dask.fit(normal(max_iter=20), chmm.shards(sources), client, persist=False, callback=callback)
    assert (tmp_path / "died 0").exists() and len(told) > 20
    same(model, normal(max_iter=20).fit(chmm.shards([partial(drawn, k) for k in range(6)])))
    client.wait_for_workers(2)
    assert len(pids & set(client.run(os.getpid).values())) == 1


def test_shards_that_kill_every_worker_are_named(client, tmp_path):
    (tmp_path / "armed").touch()
    shards = chmm.shards({"good": drawn(0), "deadly": partial(deadly, tmp_path, 1, 9), "other": drawn(2)})
    model = normal()
    with pytest.raises(MemoryError, match="all workers died that worked on 'deadly'"):
        chmm.dask.fit(model, shards, client)
    assert not hasattr(model, "transmat_")


def test_shards_are_divided_again_when_workers_go_and_come():
    rng, homes = np.random.default_rng(0), {}
    for _ in range(200):
        threads = {worker: int(rng.integers(1, 4)) for worker in rng.choice(list("abcdef"), rng.integers(1, 7), False)}
        n = int(rng.integers(1, 30))
        before = {k: worker for k, worker in homes.items() if k < n}
        homes = chmm.dask.divided(n, before, threads)
        assert homes.keys() == set(range(n)) and set(homes.values()) <= threads.keys()
        load = {worker: list(homes.values()).count(worker) for worker in threads}
        share = -(-n // sum(threads.values()))
        assert all(load[worker] <= share * threads[worker] for worker in threads)
        assert chmm.dask.divided(n, homes, threads) == homes
        for worker in threads:  # nothing leaves a worker that has no more than its share
            mine = {k for k, home in before.items() if home == worker}
            if len(mine) <= share * threads[worker]:
                assert {k for k in mine if homes[k] != worker} == set()


@pytest.mark.parametrize("wrong, error, told", [
    ({"client": 3}, TypeError, r"client = 3 must be a distributed\.Client"),
    ({"persist": "yes"}, ValueError, "persist = 'yes' must be True, False or 'auto'"),
    ({"shards": {1: iter([])}.values()}, TypeError, "only be read one after the other"),
])  # fmt: skip
def test_what_is_refused(client, wrong, error, told):
    with pytest.raises(error, match=told):
        chmm.dask.fit(normal(), **{"shards": [drawn(0)], "client": client} | wrong)


def test_an_array_cut_between_its_columns_is_refused():
    with pytest.raises(ValueError, match="rechunk"):
        chmm.shards(dask.array.zeros((10, 4), chunks=(5, 2)))


# Shards that fail -----------------------------------------------------------------------------------------------------


def broken(k):
    raise RuntimeError("the disk is on fire")


def growing(folder, k):
    """A shard that has one step more each time it is read."""
    n = len(list(folder.iterdir()))
    (folder / str(n)).touch()
    return [np.append(drawn(k, 1)[0], np.zeros(n))]


def test_a_shard_that_cannot_be_read_is_named_and_the_model_is_untouched(client):
    model = normal(max_iter=1).fit(drawn(0))
    before = model.transmat_
    shards = chmm.shards({"good": partial(drawn, 0), "bad": partial(broken, 1)})
    with pytest.raises(OSError, match="shard 'bad' cannot be read: RuntimeError: the disk is on fire"):
        chmm.dask.fit(model, shards, client)
    assert model.transmat_ is before
    wrong = chmm.shards({"good": partial(drawn, 0), "words": [["a", "b", "a"]]})
    with pytest.raises((TypeError, ValueError), match="'words'"):
        chmm.dask.fit(model, wrong, client)
    assert model.transmat_ is before


def test_a_shard_that_changes_between_passes_is_named(client, tmp_path):
    shards = chmm.shards({"calm": partial(drawn, 0, 8), "growing": partial(growing, tmp_path, 1)})
    with pytest.raises(ValueError, match="shard 'growing' has changed since the fit began"):
        chmm.dask.fit(normal(), shards, client, persist=False)


def test_a_scheduler_that_is_gone_is_an_error_and_the_fit_goes_on_with_another(client, tmp_path):
    cluster = distributed.LocalCluster(  # in this process, without a network
        n_workers=1, processes=False, dashboard_address=None, silence_logs=60,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    )  # fmt: skip
    model, shards, told = normal(max_iter=30), chmm.shards([drawn(k) for k in range(3)]), []

    def callback(progress):
        told.append(progress.step)
        if len(told) == 40:
            cluster.close()

    try:
        with distributed.Client(cluster) as lost, pytest.raises(ConnectionError, match="the scheduler, or"):
            chmm.dask.fit(model, shards, lost, callback=callback, checkpoint=tmp_path / "fit")
    finally:
        cluster.close()
    assert len(told) == 40 and not hasattr(model, "transmat_")
    resumed = []
    chmm.dask.fit(model, shards, client, callback=resumed.append, checkpoint=tmp_path / "fit", resume=True)
    assert 0 < len(resumed) < 30
    same(model, normal(max_iter=30).fit(shards))


# What workers keep, and what travels ----------------------------------------------------------------------------------


def noted(folder, k):
    """A shard that notes each time it is read."""
    (folder / f"{k} {time.monotonic_ns()}").touch()
    return drawn(k)


def set_full(share):
    chmm.dask.FULL = share


@pytest.mark.parametrize(
    "persist, full, once", [("auto", 0.5, True), ("auto", 0.0, False), (True, 0.0, True), (False, 0.5, False)]
)
def test_what_is_read_is_kept_while_there_is_room(client, tmp_path, persist, full, once):
    client.run(set_full, full)
    shards = chmm.shards([partial(noted, tmp_path, k) for k in range(4)])
    try:
        chmm.dask.fit(normal(max_iter=1), shards, client, persist=persist)
    finally:
        client.run(set_full, 0.5)
    n_read = [len(list(tmp_path.glob(f"{k} *"))) for k in range(4)]
    assert n_read == [1] * 4 if once else min(n_read) > 1


def bytes_sent():
    """By this process, since this was first called."""
    from distributed.comm.tcp import TCP

    if not hasattr(TCP, "sent"):
        TCP.sent, write = 0, TCP.write

        async def counted(self, *args, **options):
            n = await write(self, *args, **options)
            TCP.sent += n
            return n

        TCP.write = counted
    return TCP.sent


def test_what_travels_does_not_grow_with_the_data(client):
    def travelled(t):
        told = []

        def callback(progress):
            told.append(bytes_sent() + sum(client.run(bytes_sent).values()))

        shards = chmm.shards([drawn(k, 1, t) for k in range(4)])  # themselves, so that they travel, once
        chmm.dask.fit(normal(max_iter=12), shards, client, callback=callback)
        return np.median(np.diff(told[-8:]))

    bytes_sent()
    client.run(bytes_sent)
    small, large = travelled(100), travelled(100_000)
    assert small > 1000 and large < 1.5 * small, (small, large)


def test_futures_are_shards(client):
    futures = [client.submit(drawn, k) for k in range(3)]
    plain = normal().fit(chmm.shards([drawn(k) for k in range(3)]))
    fitted = chmm.dask.fit(normal(), dict(zip("abc", futures, strict=True)), client)
    assert fitted.loglik_ == plain.loglik_ and normal().fit(chmm.shards(futures)).loglik_ == plain.loglik_
    assert chmm.dask.score(normal().fit(drawn(0)), chmm.shards(futures), client) < 0
    with pytest.raises(TypeError, match="X is a Future, which is still to be computed: pass X"):
        normal().fit(futures[0])


def test_what_is_still_to_be_computed_is_refused(client):
    shard = dask.delayed(drawn)(0)
    for ask in (lambda: chmm.dask.fit(normal(), chmm.shards([shard]), client), lambda: normal().fit(shard)):
        with pytest.raises(TypeError, match="X is a Delayed, which is still to be computed: pass X"):
            ask()


def test_without_a_client_the_error_says_so(monkeypatch):
    def none():
        raise ValueError("No global client found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(ValueError, match="no client is in use: give one"):
        chmm.dask.fit(normal(), [drawn(0)])
