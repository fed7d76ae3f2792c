"""What no answer depends on: NumPy's error state, the order of the sequences. Families are those of the fuzz."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import same_bits
from test_fuzz import FAMILIES

from chmm import Categorical, Model

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
every_family = pytest.mark.parametrize("name", FAMILIES)


def family_and_data(name, lengths=(40, 7, 25, 60)):
    family, draw = FAMILIES[name]
    emission = family(2) if name == "PerState" else family()
    return emission, [draw(np.random.default_rng(k), n) for k, n in enumerate(lengths)]


@every_family
def test_the_error_state_of_the_caller_changes_nothing(name):
    emission, X = family_and_data(name)

    def answers():
        model = Model(2, copy.deepcopy(emission), random_state=1, max_iter=8).fit(X)
        one = model.forward(X[0]), model.backward(X[0]), model.posteriors(X[0], pairs=True), model.decode(X[0])
        drawn = model.sample(20, random_state=0)
        learnt = [getattr(model.emission_, key) for key in model.emission_.parameters]
        values = [model.history_, *learnt, *model.predict_proba(X), *model.predict(X), *drawn]
        return values + [field for answer in one for field in answer]

    with np.errstate(all="ignore"):
        quiet = answers()
    with np.errstate(all="raise"):
        strict = answers()
    with np.errstate(all="warn"), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answers()
    assert not [warning for warning in told if issubclass(warning.category, RuntimeWarning)]
    assert all(map(same_bits, quiet, strict))


@every_family
@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_the_sequences_changes_no_fit(name, seed):
    """Nor the optimum that is found: start values are drawn for the data, not for their order."""
    emission, X = family_and_data(name)
    if isinstance(emission, Categorical):
        seed += 10
    orders = [range(4), (3, 2, 1, 0), (2, 0, 3, 1)]
    options = {"random_state": seed, "n_init": 4, "max_iter": 30}
    fits = [Model(2, copy.deepcopy(emission), **options).fit([X[k] for k in order]) for order in orders]
    for fit in fits[1:]:
        k = min(10, len(fit.history_), len(fits[0].history_))  # rounding decides where the rise ends
        assert_allclose(fit.history_[:k], fits[0].history_[:k], rtol=1e-6)
        assert_allclose(fit.score(X), fits[0].score(X), rtol=1e-4)
