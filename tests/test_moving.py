"""Models and tables of other programs: hmmlearn's, and jieba's."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chmm
from chmm import (
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    Model,
    Multinomial,
    NotFittedError,
    PerState,
    Poisson,
    Product,
    Segmenter,
)
from chmm.moving import HMMLEARN

LENGTHS = [40, 1, 59]


def hmmlearn_models():
    """(model of hmmlearn, data) for every class that has a counterpart, with parameters as different as drawn ones."""
    hmm, vhmm = pytest.importorskip("hmmlearn.hmm"), pytest.importorskip("hmmlearn.vhmm")
    rng = np.random.default_rng(3)
    n, d, k = 3, 2, 4
    numbers, symbols = rng.normal(size=(100, d)) * [1, 30], rng.integers(0, k, (100, 1))
    counts = rng.multinomial(7, np.full(k, 1 / k), 100)

    def chain(model, **parameters):
        model.startprob_, model.transmat_ = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(n), n)
        for name, value in parameters.items():
            setattr(model, name, value)
        return model

    def covariances(*shape):
        roots = rng.normal(size=(*shape, d, d + 2))
        return roots @ np.swapaxes(roots, -1, -2)

    forms = {"spherical": lambda *s: rng.gamma(2, size=s), "diag": lambda *s: rng.gamma(2, size=(*s, d))}
    means = rng.normal(size=(n, d)) * [1, 30]
    yield chain(hmm.CategoricalHMM(n), emissionprob_=rng.dirichlet(np.ones(k), n)), symbols
    yield chain(hmm.PoissonHMM(n), lambdas_=rng.gamma(3, size=(n, k))), counts
    yield chain(hmm.MultinomialHMM(n, n_trials=7), emissionprob_=rng.dirichlet(np.ones(k), n)), counts
    yield hmm.MultinomialHMM(n, n_iter=3, random_state=0).fit(counts), counts  # which leaves n_trials an array
    for form in ("spherical", "diag", "full", "tied"):
        given = covariances(n) if form == "full" else covariances() if form == "tied" else forms[form](n)
        yield chain(hmm.GaussianHMM(n, form), n_features=d, means_=means, covars_=given), numbers
        given = covariances(n, 2) if form == "full" else covariances(n) if form == "tied" else forms[form](n, 2)
        mixed = hmm.GMMHMM(n, 2, covariance_type=form)
        weights = rng.dirichlet(np.ones(2), n)
        yield chain(mixed, n_features=d, weights_=weights, means_=rng.normal(size=(n, 2, d)), covars_=given), numbers
        yield hmm.GaussianHMM(n, form, n_iter=3, random_state=0).fit(numbers), numbers
        yield hmm.GMMHMM(n, 2, covariance_type=form, n_iter=3, random_state=0).fit(numbers), numbers
        yield vhmm.VariationalGaussianHMM(n, form, n_iter=3, random_state=0).fit(numbers), numbers
    yield vhmm.VariationalCategoricalHMM(n, n_iter=3, random_state=0).fit(symbols), symbols


@pytest.mark.filterwarnings("ignore")
def test_a_model_of_hmmlearn_scores_decodes_and_smooths_as_it_did():
    for theirs, X in hmmlearn_models():
        ours, told = Model.from_hmmlearn(theirs), f"{theirs}"
        if type(theirs).__name__.startswith("Variational"):  # their score is a bound, so compare with the plain class
            theirs = plain(theirs)
        x = X.ravel() if isinstance(ours.emission, Categorical) else X
        want = sum(theirs.score(part) for part in np.split(X, np.cumsum(LENGTHS)[:-1]))
        assert_allclose(ours.score(x, lengths=LENGTHS), want, rtol=1e-10, err_msg=told)
        assert_allclose(ours.predict_proba(x, lengths=LENGTHS), theirs.predict_proba(X, LENGTHS), atol=1e-9)
        assert (ours.predict(x, lengths=LENGTHS) == theirs.predict(X, LENGTHS)).all(), told


def plain(variational):
    """hmmlearn's plain model with the means of a variational one."""
    hmm = pytest.importorskip("hmmlearn.hmm")
    if hasattr(variational, "emissionprob_"):
        other = hmm.CategoricalHMM(variational.n_components)
        other.emissionprob_ = variational.emissionprob_
    else:
        other = hmm.GaussianHMM(variational.n_components, "full")
        other.n_features, other.means_, other.covars_ = 2, variational.means_, variational.covars_
    other.startprob_, other.transmat_ = variational.startprob_, variational.transmat_
    return other


def test_every_class_of_hmmlearn_can_be_moved():
    modules = [pytest.importorskip(f"hmmlearn.{name}") for name in ("hmm", "vhmm")]
    base = importlib.import_module("hmmlearn.base")
    found = {
        name
        for module in modules
        for name, made in vars(module).items()
        if isinstance(made, type) and issubclass(made, base._AbstractHMM) and made.__module__ == module.__name__
    }
    assert found == HMMLEARN.keys()


def test_a_moved_model_owns_its_parameters_and_refits():
    theirs, X = next(hmmlearn_models())
    ours = Model.from_hmmlearn(theirs)
    before = ours.score(X.ravel())
    theirs.emissionprob_[:] = theirs.transmat_[:] = theirs.startprob_[:] = 0.5
    assert ours.score(X.ravel()) == before
    assert ours.fit(X.ravel()).loglik_ > before

    class Mine(Model):
        pass

    assert isinstance(Mine.from_hmmlearn(next(hmmlearn_models())[0]), Mine)


def test_what_cannot_be_moved_says_why():
    hmm = pytest.importorskip("hmmlearn.hmm")

    class Theirs(hmm.GaussianHMM):
        pass

    with pytest.raises(TypeError, match="m = 'GaussianHMM' must be a model of hmmlearn"):
        Model.from_hmmlearn("GaussianHMM")
    with pytest.raises(TypeError, match="hmmlearn's BaseHMM has no counterpart"):
        Model.from_hmmlearn(importlib.import_module("hmmlearn.base").BaseHMM(2))
    for made in (hmm.GaussianHMM, hmm.CategoricalHMM, hmm.GMMHMM, hmm.PoissonHMM, Theirs):
        with pytest.raises(NotFittedError, match="has no parameters yet"):
            Model.from_hmmlearn(made(2))
    theirs = next(hmmlearn_models())[0]
    theirs.transmat_[1] = 0  # as a state that is only ever last leaves it there
    with pytest.raises(ValueError, match=r"transmat\[1\] sums to 0.*m\.transmat_\[1\] = 1 / 3"):
        Model.from_hmmlearn(theirs)
    theirs.transmat_[1] = 1 / 3
    assert Model.from_hmmlearn(theirs).transmat_[1, 1] == 1 / 3


# Tables of docs/moving.md --------------------------------------------------------------------------------------------

CHAIN = {"startprob": [0.6, 0.4], "transmat": [[0.9, 0.1], [0.2, 0.8]], "endprob": [0.05, 0.1]}


@pytest.mark.parametrize("tied", [False, True])
def test_statsmodels_gives_the_same_under_its_own_names(tied):
    markov = pytest.importorskip("statsmodels.tsa.regime_switching.markov_regression", reason="statsmodels is missing")
    y = np.random.default_rng(0).normal(np.repeat([0.0, 3.0, 1.0, 3.0], 30), np.repeat([1.0, 2.0, 1.0, 2.0], 30))
    A, variances = np.array(CHAIN["transmat"]), [1.7] if tied else [1.0, 3.5]
    theirs = markov.MarkovRegression(y, k_regimes=2, switching_variance=not tied)
    parameters = [A[0, 0], A[1, 0], 0.2, 2.9, *variances]
    told = dict(zip(theirs.param_names, parameters))
    assert list(told) == ["p[0->0]", "p[1->0]", "const[0]", "const[1]"] + (
        ["sigma2"] if tied else ["sigma2[0]", "sigma2[1]"]
    )
    emission = Gaussian([0.2, 2.9], [variances] if tied else variances, covariance="tied" if tied else "diag")
    ours, result = Model(startprob="stationary", transmat=A, emission=emission), theirs.smooth(parameters)

    assert_allclose(ours.score(y), result.llf, rtol=1e-12)
    assert_allclose(-ours.surprise(y), result.llf_obs, rtol=1e-9)
    assert_allclose(ours.predict_proba(y), result.smoothed_marginal_probabilities, atol=1e-12)
    assert_allclose(ours.predict_proba(y, lag=0), result.filtered_marginal_probabilities, atol=1e-12)
    assert_allclose(ours.predict_proba(y, lag=-1), result.predicted_marginal_probabilities, atol=1e-12)
    assert_allclose(ours.transmat_[0, 1], result.regime_transition[1, 0, 0], rtol=1e-12)
    assert_allclose(ours.expected_durations(), result.expected_durations)
    assert_allclose([ours.aic(y), ours.bic(y)], [result.aic, result.bic])

    theirs.initialize_known(np.array([0.9, 0.1]))  # of a time two moves before the first observation
    ours = Model(startprob=np.array([0.9, 0.1]) @ A @ A, transmat=A, emission=emission)
    assert_allclose(ours.score(y), theirs.smooth(parameters).llf, rtol=1e-12)


def test_pomegranate_gives_the_same_under_its_own_names():
    torch = pytest.importorskip("torch", reason="pomegranate needs PyTorch")
    hmm, theirs = pytest.importorskip("pomegranate.hmm"), pytest.importorskip("pomegranate.distributions")
    rng, start, ends = np.random.default_rng(0), CHAIN["startprob"], np.array(CHAIN["endprob"])
    edges = np.array(CHAIN["transmat"]) * (1 - ends)[:, None]
    numbers = rng.normal(np.tile([0, 0, 3, 3, 0, 3], 5), 1, (4, 30))

    def states(made, *columns):
        return [made(*(torch.tensor(np.array(value, np.float32)) for value in each)) for each in zip(*columns)]

    def components(*families):
        return [theirs.IndependentComponents(list(each)) for each in zip(*families)]

    normals, waits = states(theirs.Normal, [[0], [3]], [[[1]], [[2]]]), states(theirs.Exponential, [[2], [0.5]])
    kinds = {
        "normal": (normals, Gaussian([0, 3], [1, 2]), numbers),
        "poisson": (states(theirs.Poisson, [[2], [7]]), Poisson([2, 7]), rng.poisson(4, (4, 30))),
        "exponential": (waits, Exponential([0.5, 2]), np.abs(numbers) + 0.1),
        "gamma": (states(theirs.Gamma, [[2], [5]], [[1], [0.5]]), Gamma([2, 5], [1, 0.5]), np.abs(numbers) + 0.1),
        "categorical": (
            states(theirs.Categorical, [[[0.2, 0.5, 0.3]], [[0.6, 0.3, 0.1]]]),
            Categorical([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]),
            rng.integers(0, 3, (4, 30)),
        ),
        "each state its own": ([normals[0], waits[1]], PerState([Gaussian([0], [1]), Exponential([2])]), numbers + 9),
        "columns": (
            components(normals, waits),
            Product(Gaussian([0, 3], [1, 2]), Exponential([0.5, 2])),
            np.stack([numbers, np.abs(numbers) + 0.1], axis=-1),
        ),
    }
    for kind, (distributions, emission, x) in kinds.items():
        made = hmm.DenseHMM(distributions, *(torch.tensor(np.array(v, np.float32)) for v in (edges, start, ends)))
        given = torch.tensor(x if x.dtype.kind == "i" else x.astype(np.float32)).reshape(4, 30, -1)
        ours, many = Model(emission=emission, **CHAIN), list(x)
        assert_allclose(ours.score_samples(many), made.log_probability(given).numpy(), rtol=2e-6, err_msg=kind)
        assert_allclose(np.stack(ours.predict_proba(many)), made.predict_proba(given).numpy(), atol=1e-4, err_msg=kind)
        assert_array_equal(np.stack(ours.predict(many)), made.viterbi(given).numpy(), err_msg=kind)
        single = np.stack(ours.predict(many, method="posterior"))
        assert_array_equal(single, made.predict(given).numpy(), err_msg=kind)


# Words of hmmlearn ---------------------------------------------------------------------------------------------------


def fitted():
    return Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 5], [1, 1]))


@pytest.mark.parametrize(
    "name, ours",
    [
        ("n_components", "n_states"), ("n_iter", "max_iter"), ("algorithm", "method='posterior'"), ("params", "frozen"),
        ("covariance_type", "Gaussian(covariance='full')"), ("n_mix", "Mixture"), ("verbose", "history_"),
        ("min_covar", "prior"), ("transmat_prior", "pseudocount"), ("implementation", "exact"), ("ends", "endprob"),
        ("k_regimes", "n_states"), ("init_params", "where EM starts"),
    ],
)  # fmt: skip
def test_an_argument_of_hmmlearn_is_answered_with_ours(name, ours):
    with pytest.raises(TypeError) as error:
        Model(**{name: 2})
    assert ours in str(error.value)
    with pytest.raises(AttributeError) as error:
        getattr(fitted(), name)
    assert ours in str(error.value)
    assert not hasattr(Model, name)


@pytest.mark.parametrize(
    "name, ours",
    [
        ("means_", "emission_.means"), ("covars_", "emission_.covariances"), ("emissionprob_", "Categorical(probs)"),
        ("lambdas_", "Poisson(rates)"), ("weights_", "emission_.weights"), ("monitor_", "history_"),
        ("llf", "loglik_"), ("log_probability", "score_samples"), ("bse", "summary(X)"),
        ("smoothed_marginal_probabilities", "predict_proba(X)"),
    ],
)  # fmt: skip
def test_an_attribute_of_hmmlearn_is_answered_with_ours(name, ours):
    for ask in (lambda: getattr(fitted(), name), lambda: setattr(fitted(), name, [1, 2])):
        with pytest.raises(AttributeError) as error:
            ask()
        assert ours in str(error.value)


@pytest.mark.parametrize(
    "name, ours",
    [
        ("GaussianHMM", "Gaussian()"), ("GMMHMM", "Mixture(Gaussian(), n)"), ("CategoricalHMM", "Categorical()"),
        ("MarkovAutoregression", "depend on their state alone"), ("HiddenMarkovModel", "Model(n_states, emission)"),
    ],
)  # fmt: skip
def test_a_class_of_another_library_is_answered_with_ours(name, ours):
    with pytest.raises(ImportError) as error:
        exec(f"from chmm import {name}")
    assert ours in str(error.value)
    with pytest.raises(AttributeError, match="no attribute 'Unheard'"):
        chmm.Unheard  # noqa: B018


def test_words_of_hmmlearn_are_answered_by_families_too():
    for make, ours in (
        (lambda: Gaussian(min_covar=1), r"Gaussian\(prior"), (lambda: Poisson(lambdas_prior=1), r"Poisson\(prior"),
        (lambda: Categorical(n_features=6), "symbols="), (lambda: Multinomial(n_trials=5), "n_draws"),
        (lambda: Gaussian("full"), "covariance='full'"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=ours):
            make()


@pytest.mark.parametrize("method", ["fit", "score", "predict", "predict_proba", "decode", "score_samples"])
@pytest.mark.parametrize("kind", [list, np.array])
def test_lengths_as_the_second_argument_are_told_by_name(method, kind):
    with pytest.raises((TypeError, ValueError), match="lengths="):
        getattr(fitted(), method)([0.1, 5.2, 5.3, 0.4, 0.2], kind([2, 3]))


def test_these_names_are_not_among_a_models_own():
    assert not {"n_components", "means_", "verbose"} & set(dir(fitted())) and "predict" in dir(fitted())


def test_a_subclass_may_use_these_names_for_its_own():
    class Mine(Model):
        def __init__(self, verbose=False, **options):
            self.verbose = verbose
            super().__init__(**options)

    assert Mine(verbose=True, n_states=2).verbose and "verbose" in dir(Mine())


# jieba ---------------------------------------------------------------------------------------------------------------

TEXTS = ["他来到了网易杭研大厦", "小明硕士毕业于中国科学院计算所", "研究生命的起源", "结婚的和尚未结婚的", "好"]


def test_jiebas_tables_cut_as_jieba_does():
    finalseg = pytest.importorskip("jieba.finalseg", reason="jieba is not installed")
    segmenter = Segmenter.from_jieba()
    for text in TEXTS:
        assert segmenter.cut(text) == list(finalseg.cut(text))
    assert segmenter.cut("𪚥𪚥今天") and segmenter.cut("") == []  # of characters that no table holds


def test_jiebas_tables_come_back_entry_by_entry(tmp_path):
    finalseg = pytest.importorskip("jieba.finalseg", reason="jieba is not installed")
    Segmenter.from_jieba().to_jieba(tmp_path)
    for name in ("start", "trans", "emit"):
        space: dict = {}
        exec((tmp_path / f"prob_{name}.py").read_text(encoding="utf-8"), space)
        assert space["P"] == getattr(finalseg, f"{name}_P")


def test_tables_written_for_jieba_cut_there_as_here(tmp_path, monkeypatch):
    finalseg = pytest.importorskip("jieba.finalseg", reason="jieba is not installed")
    lines = ["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天", "我 在 浦东新区"]
    segmenter = Segmenter(pseudocount=0.1).fit(lines)
    segmenter.to_jieba(tmp_path / "tables")
    for name in ("start", "trans", "emit"):
        space: dict = {}
        exec((tmp_path / "tables" / f"prob_{name}.py").read_text(encoding="utf-8"), space)
        monkeypatch.setattr(finalseg, f"{name}_P", space["P"])
    for text in ("真是喜欢下雨", "今天浦东新区下雨", "我真的喜欢天气"):
        assert list(finalseg.cut(text)) == segmenter.cut(text)


def test_tables_come_back_as_they_were_written(tmp_path):
    segmenter = Segmenter().fit(["今天 天气 真 不错", "浦东新区 在 下雨"])
    segmenter.to_jieba(tmp_path)
    back = Segmenter.from_jieba(tmp_path)
    assert back.cut("今天在下雨") == segmenter.cut("今天在下雨")
    with np.errstate(divide="ignore"):
        want = np.log(segmenter.model.emission_.probs)
    columns = [segmenter.model.emission_.symbols.index(symbol) for symbol in back.model.symbols]
    assert (back.model.emission == want[:, columns]).all()
    assert np.isneginf(back.model.start).tolist() == [False, True, True, True]  # no line starts in S
    again = tmp_path / "again"
    back.to_jieba(again)
    assert (again / "prob_start.py").read_text() == (tmp_path / "prob_start.py").read_text()


def test_files_that_are_no_tables_are_refused_and_never_run(tmp_path):
    with pytest.raises(FileNotFoundError):
        Segmenter.from_jieba(tmp_path)
    with pytest.raises(NotFittedError):
        Segmenter().to_jieba(tmp_path)
    Segmenter().fit(["今天 天气 真 不错"]).to_jieba(tmp_path)
    for text in ("P={'B': print('run')}", "P=", "", "P={'B': {'E': 1}"):
        (tmp_path / "prob_trans.py").write_text(text)
        with pytest.raises(ValueError, match="is not a table of jieba"):
            Segmenter.from_jieba(tmp_path)


def test_without_jieba_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr("chmm.moving.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install jieba"):
        Segmenter.from_jieba()


def test_the_core_does_not_import_this_room(tmp_path):
    code = "import sys, chmm; print([m for m in sys.modules if m in ('chmm.moving', 'hmmlearn', 'jieba')])"
    env = {**os.environ, "PYTHONPATH": str(Path(chmm.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
    assert done.stdout.strip() == "[]"
