"""Many threads ask one model or fit their own; Ctrl-C ends long calls."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from shared import interrupt_after, learnt, random_params, same_bits

from chmm import Categorical, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def test_many_threads_may_ask_one_model():
    rng = np.random.default_rng(0)
    m = random_params(rng, 6, 8).model()
    X = [rng.integers(0, 8, size=t) for t in rng.integers(2, 3000, size=48)]

    def ask(x):
        return m.score(x), *m.posteriors(x)[::2], *m.decode(x), *m.forward(x)

    alone = list(map(ask, X))
    with ThreadPoolExecutor(8) as pool:
        for together in (pool.map(ask, X) for _ in range(3)):
            assert all(same_bits(a, b) for one, other in zip(alone, together) for a, b in zip(one, other))


def test_threads_may_fit_models_of_their_own():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 5, size=300) for _ in range(6)]
    emission = Categorical()

    def fitted(seed):
        return learnt(Model(3, emission, random_state=seed, max_iter=10).fit(X))

    alone = list(map(fitted, range(8)))
    with ThreadPoolExecutor(8) as pool:
        assert all(all(map(same_bits, a, b)) for a, b in zip(alone, pool.map(fitted, range(8))))


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m.score([x] * 10),
        lambda m, x: m.score(np.tile(x, 10)),
        lambda m, x: m.fit([x]),
        lambda m, x: m.predict([x] * 5),
    ],
    ids=["score", "score one sequence", "fit", "predict"],
)
def test_ctrl_c_stops_a_long_call(call):
    rng = np.random.default_rng(0)
    m, x = random_params(rng, 256, 4).model(), rng.integers(0, 4, size=100_000)
    assert interrupt_after(0.2, lambda: call(m, x))
