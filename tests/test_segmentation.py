"""Words and tags are two forms of one thing; the segmenter gives the worked example and the known corpus figures."""

import copy
import pickle
import re

import numpy as np
import pytest

from chmm import Categorical, Model, NotFittedError, Scores, Segmenter
from chmm.segmentation import Evaluation, tags, words

SENTENCES = ["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天"]


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter().fit(SENTENCES)


def random_text(rng, letters, n):
    return "".join(letters[i] for i in rng.integers(len(letters), size=n))


def random_words(rng, n, longest=6):
    letters = "天气真不错在下雨我是的a\U0001f600\ud83d\0"
    return [random_text(rng, letters, rng.integers(1, longest + 1)) for _ in range(n)]


# ---- tags and words ----


def test_the_texts_tags():
    assert [tags(line.split()) for line in SENTENCES] == ["BEBESBE", "BMMESBE", "SSBEBEBE"]
    assert words("真是喜欢下雨", "SSBEBE") == ["真", "是", "喜欢", "下雨"]


@pytest.mark.parametrize("longest", [1, 2, 6, 50])
def test_words_of_tags_of_words(longest):
    rng = np.random.default_rng(longest)
    for n in range(20):
        w = random_words(rng, n, longest=longest)
        t = tags(w)
        assert words("".join(w), t) == w and len(t) == sum(map(len, w))
        assert words("".join(w), list(t)) == w
        assert words("".join(w), np.array(list(t), dtype="U1")) == w


def test_long_words():
    for n in (30, 31, 32, 33, 10_000):
        assert tags(["x" * n, "y"]) == "B" + "M" * (n - 2) + "ES"


def test_any_tags_give_words_that_join_to_the_text():
    rng = np.random.default_rng(0)
    for n in range(300):
        t = random_text(rng, "BMES", n % 12)
        w = words("abcdefghijkl"[: len(t)], t)
        assert "".join(w) == "abcdefghijkl"[: len(t)] and all(w)
        unlawful = ("^M", "^E", "BB", "BS", "MB", "MS", "EM", "EE", "SM", "SE", "B$", "M$")
        assert (tags(w) == t) == (not any(pair in f"^{t}$" for pair in unlawful))


def test_tags_and_words_say_what_is_wrong():
    with pytest.raises(TypeError, match=r"words is one str; pass a list of words, such as words.split\(\)"):
        tags("今天 天气")
    with pytest.raises(TypeError, match=r"words\[1\] is b'x', a bytes; words are str"):
        tags(["a", b"x"])
    with pytest.raises(ValueError, match=r"words\[1\] is an empty word"):
        tags(["a", ""])
    with pytest.raises(ValueError, match="2 labels for 3 characters"):
        words("abc", "SS")
    with pytest.raises(ValueError, match=r"labels\[1\] is 'X'; they are B, M, E and S"):
        words("abc", "SXS")


# ---- fit ----


def test_the_texts_tables(segmenter):
    model = segmenter.model
    assert "".join(model.states_) == "BMES"
    counts = model.statistics_
    assert counts.start.tolist() == [2, 0, 0, 1]
    assert counts.trans.sum(axis=1).tolist() == [8, 2, 5, 4]
    assert counts.emission["counts"].sum(axis=1).tolist() == [8, 2, 8, 4]
    np.testing.assert_allclose(model.startprob_, [2 / 3, 0, 0, 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(
        model.transmat_, [[0, 0.125, 0.875, 0], [0, 0.5, 0.5, 0], [0.6, 0, 0, 0.4], [0.75, 0, 0, 0.25]], rtol=1e-15
    )
    decoding = model.decode("真是喜欢下雨")
    assert "".join(decoding.path) == "SSBEBE"
    assert decoding.log_prob == pytest.approx(np.log(147 / 335544320), rel=1e-14)
    assert model.score(["真是喜欢下雨"]) == pytest.approx(np.log(147 / 335544320), rel=1e-14)


def test_every_form_of_lines_gives_the_same_model(segmenter):
    forms = [
        tuple(SENTENCES),
        iter(SENTENCES),
        [line + "\n" for line in SENTENCES],
        ["", *("  " + line.replace(" ", "\t\u3000 ") for line in SENTENCES), " \n"],
        [line.split() for line in SENTENCES],
        [[], *(tuple(line.split()) for line in SENTENCES)],
        [np.array(line.split()) for line in SENTENCES],
        np.array(SENTENCES),
        (iter(line.split()) for line in SENTENCES),
    ]
    for lines in forms:
        model = Segmenter().fit(lines).model
        for name in ("startprob_", "transmat_"):
            assert (getattr(model, name) == getattr(segmenter.model, name)).all()
        assert (model.emission_.probs == segmenter.model.emission_.probs).all()


def test_a_file_of_lines(tmp_path, segmenter):
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    with open(path, encoding="utf-8") as file:
        assert (Segmenter().fit(file).model.transmat_ == segmenter.model.transmat_).all()


def test_pseudocount_is_added_to_what_can_happen():
    model = Segmenter(pseudocount=0.5).fit(SENTENCES).model
    np.testing.assert_allclose(model.startprob_, [2.5 / 4, 0, 0, 1.5 / 4], rtol=1e-15)
    np.testing.assert_allclose(model.transmat_[0], [0, 1.5 / 9, 7.5 / 9, 0], rtol=1e-15)
    assert (model.emission_.probs > 0).all()


def test_a_lawful_tag_is_never_followed_by_an_unlawful_one():
    """Rows without evidence too: here no line has a word of three characters, or any word after another of two."""
    rng = np.random.default_rng(1)
    for lines in (["a b", "a b"], ["ab c"], ["a bc"], ["abc d"], ["abcd e"]):
        for pseudocount in (0, 0.1):
            segmenter = Segmenter(pseudocount=pseudocount).fit(lines)
            table = segmenter.model.transmat_
            assert (table[[0, 0, 1, 1, 2, 2, 3, 3], [0, 3, 0, 3, 1, 2, 1, 2]] == 0).all()
            for _ in range(50):
                text = random_text(rng, "abcdef", rng.integers(1, 9))
                path = "".join("BMES"[code] for code in segmenter._decoder.decode(text).path)
                assert tags(words(text, path)) == path


@pytest.mark.parametrize(
    "lines, error, match",
    [
        ([], ValueError, "lines holds no words"),
        (["", " \n", []], ValueError, "lines holds no words"),
        (None, TypeError, "lines is None, a NoneType, not lines: str with blanks between the words, or lists of words"),
        (5, TypeError, "lines is 5, an int, not lines"),
        ("今天 天气", TypeError, r"lines is one str; pass a list of lines, such as lines.splitlines\(\)"),
        (b"ab c", TypeError, "lines is one bytes"),
        ([b"ab c"], TypeError, r"line 0 is bytes, not a str; open the file as text, or decode it"),
        (["ab c", 3], TypeError, "line 1 is 3, neither a str nor a list of words"),
        (["ab c", None], TypeError, "line 1 is None, neither a str nor a list of words"),
        (["ab c", ["ab", 3]], TypeError, "line 1, word 1 is 3, an int; words are str"),
        (["ab c", ["ab", b"c"]], TypeError, "line 1, word 1 is b'c', a bytes; words are str"),
        (["ab c", ["ab", ""]], ValueError, "line 1, word 1 is empty: ''"),
        (["ab c", ["ab", " "]], ValueError, "line 1, word 1 is empty: ' '"),
        (["ab c", ["ab", "c d"]], ValueError, "line 1, word 1 has white space inside: 'c d'"),
        (["ab c", ["ab", "c\n"]], ValueError, r"line 1, word 1 has white space inside: 'c\\n'"),
    ],
)
def test_bad_lines(lines, error, match):
    segmenter = Segmenter().fit(SENTENCES)
    before = segmenter.model
    for verb in (segmenter.fit, segmenter.evaluate):
        with pytest.raises(error, match=match):
            verb(lines)
        assert segmenter.model is before


def test_lines_that_are_not_cut():
    for lines in (["今天天气真不错"], ["今天", "天气"], [["今天"], ["天气"]]):
        with pytest.raises(ValueError, match="no line has more than one word"):
            Segmenter().fit(lines)


def test_unfitted():
    for ask in (lambda s: s.cut("今天"), lambda s: s.cut(""), lambda s: s.evaluate(SENTENCES), lambda s: s.model):
        with pytest.raises(NotFittedError, match="has not learnt anything yet: call fit"):
            ask(Segmenter())
    assert repr(Segmenter()) == "<Segmenter: not fitted, pseudocount=0.0>"


# ---- cut ----


def test_the_texts_sentence(segmenter):
    assert segmenter.cut("真是喜欢下雨") == ["真", "是", "喜欢", "下雨"]
    assert repr(segmenter) == "<Segmenter: 19 characters, pseudocount=0.0>"


def test_white_space_separates(segmenter):
    assert segmenter.cut("") == segmenter.cut(" \n\u3000") == []
    apart = [w for piece in ("真是", "喜欢", "下雨") for w in segmenter.cut(piece)]
    for text in ("真是 喜欢 下雨", "\n真是\n喜欢\t下雨 ", "真是\u3000喜欢\r\n下雨"):
        assert segmenter.cut(text) == apart
    assert segmenter.cut("今 天 天 气") == ["今", "天", "天", "气"]


@pytest.mark.parametrize("pseudocount", [0, 0.1])
def test_cut_joins_to_the_text_whatever_the_text(pseudocount):
    rng = np.random.default_rng(5)
    letters = "今天气真不错浦东新区在下雨我是的喜欢晴 \n\u3000\u200bXé\U0001f600\ud83d\udc00\0"
    for lines in (SENTENCES, ["a b"], ["ab cd"], ["abc d e"], ["天 真", "是 我 在"]):
        segmenter = Segmenter(pseudocount=pseudocount).fit(lines)
        for n in list(range(40)) + [5000]:
            text = random_text(rng, letters, n)
            found = segmenter.cut(text)
            assert "".join(found) == "".join(text.split()) and all(found)
            assert segmenter.cut(" ".join(found)) is not None


@pytest.mark.parametrize("pseudocount", [0, 0.1])
def test_lines_are_cut_as_each_alone(pseudocount):
    segmenter = Segmenter(pseudocount=pseudocount).fit(SENTENCES)
    rng = np.random.default_rng(7)
    for n in (0, 1, 2, 5, 50, 500):
        lines = [random_text(rng, "今天气真不错在下雨我是的 \nX", rng.integers(0, 12)) for _ in range(n)]
        alone = [segmenter.cut(line) for line in lines]
        for form in (list, tuple, iter, lambda lines: (line for line in lines)):
            assert segmenter.cut(form(lines)) == alone


def test_a_file_is_cut_line_by_line(tmp_path, segmenter):
    path = tmp_path / "text.txt"
    path.write_text("真是喜欢\n\n不错 下雨\n", encoding="utf-8")
    with open(path, encoding="utf-8") as file:
        assert segmenter.cut(file) == [["真", "是", "喜欢"], [], ["不错", "下雨"]]


def test_possible_texts_are_cut_as_the_model_decodes_them(segmenter):
    rng = np.random.default_rng(3)
    model, possible = segmenter.model, 0
    for _ in range(500):
        text = random_text(rng, "今天气真不错在下雨我是的喜欢晴", rng.integers(1, 6))
        if model.score([text]) > -np.inf:
            possible += 1
            assert segmenter.cut(text) == words(text, model.decode(text).path)
    assert possible > 20


def test_impossible_texts_are_cut_too(segmenter):
    """天 begins and ends words, 今 only begins them: 天天 is possible, 今今 is not."""
    assert segmenter.model.score(["今今"]) == -np.inf
    with pytest.raises(ValueError):
        segmenter.model.decode("今今")
    assert "".join(segmenter.cut("今今")) == "今今"
    # one event that training never showed where two would be the alternative
    assert segmenter.cut("下雨雨今天") == ["下雨", "雨", "今天"]


def test_unknown_characters(segmenter):
    assert segmenter.model.score(["吾爱"]) > -np.inf
    assert "".join(segmenter.cut("吾爱下雨")) == "吾爱下雨"
    assert segmenter.cut("吾爱下雨")[-1] == "下雨"


def test_what_is_not_a_text(segmenter):
    with pytest.raises(TypeError, match=r"text is bytes, not a str; decode it first, text.decode\('utf-8'\)"):
        segmenter.cut("今天".encode())
    for text in (None, 5, np.array("今天")):
        with pytest.raises(TypeError, match=f"text is .*, an? {type(text).__name__}, not a str or lines of str"):
            segmenter.cut(text)
    with pytest.raises(TypeError, match=r"line 1 is bytes, not a str; .* decode it: line.decode\('utf-8'\)"):
        segmenter.cut(["今天", "今天".encode()])
    for line in (None, 5, ["今天"]):
        with pytest.raises(TypeError, match=f"line 2 is {re.escape(repr(line))}, an? {type(line).__name__}, not a str"):
            segmenter.cut(iter(["今天", "", line]))


# ---- evaluate ----


class Fixed(Segmenter):
    """A segmenter whose answer is known."""

    def __init__(self, found):
        self._model, self.found = Model, found

    def _cut(self, pieces):
        assert "".join(pieces) == "".join(self.found)
        return self.found


def test_by_hand():
    # gold 3 + 2 words, found 4 + 1; the same limits have: 今天, 下雨 in the first line
    gold = ["今天 真的 下雨", "我 喜欢"]
    result = Fixed(["今天", "真", "的", "下雨", "我喜欢"]).evaluate(gold)
    assert result == Evaluation(precision=2 / 5, recall=2 / 5, f1=2 / 5)
    # the same words in other places are not right
    assert Fixed(["ab", "a", "b"]).evaluate(["a b ab"]) == (0, 0, 0)
    assert Fixed(["a", "bc", "d", "e"]).evaluate(["a b c de"]) == (1 / 4, 1 / 4, 1 / 4)
    assert Fixed(["a", "b", "cd"]).evaluate(["a bcd"]) == (1 / 3, 1 / 2, 2 / 5)


def test_evaluate_is_the_definition():
    rng = np.random.default_rng(8)

    def spans(line):
        ends = np.cumsum([len(w) for w in line])
        return {(end - len(w), end) for w, end in zip(line, ends, strict=True)}

    for _ in range(50):
        gold = [random_words(rng, rng.integers(1, 6)) for _ in range(4)]
        found = [words("".join(line), tags(list(line[0]) + line[1:])) for line in gold]
        right = sum(len(spans(g) & spans(f)) for g, f in zip(gold, found, strict=True))
        n_gold, n_found = sum(map(len, gold)), sum(map(len, found))
        result = Fixed([word for line in found for word in line]).evaluate(gold)
        assert result == pytest.approx([right / n_found, right / n_gold, 2 * right / (n_found + n_gold)], rel=1e-15)


def test_perfect(segmenter):
    own = [segmenter.cut(text) for text in ("真是喜欢下雨", "天天", "今今不错")]
    assert segmenter.evaluate(own) == Evaluation(1.0, 1.0, 1.0)
    assert segmenter.evaluate([" ".join(line) for line in own]) == Evaluation(1.0, 1.0, 1.0)


# ---- from_model, copies ----


def test_save_and_load(tmp_path, segmenter):
    path = tmp_path / "words.npz"
    segmenter.model.save(path)
    back = Segmenter.from_model(Model.load(path))
    for text in ("真是喜欢下雨", "今今 吾爱天气"):
        assert back.cut(text) == segmenter.cut(text)


def test_copies(segmenter):
    for copied in (pickle.loads(pickle.dumps(segmenter)), copy.deepcopy(segmenter), copy.copy(segmenter)):
        assert copied.cut("真是喜欢下雨") == ["真", "是", "喜欢", "下雨"]


def test_from_model_with_tables_given():
    with np.errstate(divide="ignore"):
        tables = map(
            np.log,
            (
                [0.8, 0, 0, 0.2],
                [[0, 0.2, 0.8, 0], [0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5], [0.5, 0, 0, 0.5]],
                [[0.9, 0.4], [0.1, 0.3], [0.0, 1.2], [0.3, 0.3]],
            ),
        )
        model = Scores(*tables, states="BMES", symbols="ab")
    segmenter = Segmenter.from_model(model)
    assert segmenter.model is model
    assert segmenter.cut("abab aa x") == ["ab", "ab", "a", "a", "x"]


def test_another_programs_tables():
    """jieba's own model, whose rows of B do not sum to 1, cuts as jieba does where it has no dictionary."""
    finalseg = pytest.importorskip("jieba.finalseg")

    model = Scores(finalseg.start_P, finalseg.trans_P, finalseg.emit_P, states="BMES", default=finalseg.MIN_FLOAT)
    segmenter = Segmenter.from_model(model)
    rng = np.random.default_rng(2)
    texts = ["他来到了网易杭研大厦", "小明硕士毕业于中国科学院计算所", "真是喜欢下雨", "在下雨天里我们都不想出门"]
    for text in texts + [random_text(rng, "".join(texts), n) for n in range(1, 40)]:
        assert segmenter.cut(text) == [word for part in finalseg.cut(text) for word in part.split()]


def test_from_model_says_what_is_wrong():
    with pytest.raises(TypeError, match="model is a Segmenter, not a Model"):
        Segmenter.from_model(Segmenter())
    for states, symbols in (("BEMS", "ab"), ("BMES", [0, 1])):
        with pytest.raises(ValueError, match="a segmenter needs Scores"):
            Segmenter.from_model(Scores([0] * 4, np.zeros((4, 4)), np.zeros((4, 2)), states=states, symbols=symbols))
    coin = Model(startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=Categorical(np.full((2, 2), 0.5)))
    with pytest.raises(ValueError, match="a segmenter needs Model"):
        Segmenter.from_model(coin)
    for symbols in ([0, 1], ["今天", "下雨"], [True, False]):
        model = Model(
            states="BMES",
            final_states="ES",
            startprob=[0.5, 0, 0, 0.5],
            transmat=[[0, 0.2, 0.8, 0], [0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5], [0.5, 0, 0, 0.5]],
            emission=Categorical(np.full((4, 2), 0.5), symbols=symbols),
        )
        with pytest.raises(ValueError, match=r"needs a model of characters; .* are (integers|words|bools)"):
            Segmenter.from_model(model)
    with pytest.raises(NotFittedError):
        Segmenter.from_model(Model(states="BMES", final_states="ES"))


# ---- real text ----


@pytest.fixture(scope="module")
def hkcancor():
    pycantonese = pytest.importorskip("pycantonese")
    utterances = pycantonese.hkcancor().words(by_utterance=True)
    assert len(utterances) == 16_162
    return [line for i, line in enumerate(utterances) if i % 10], utterances[::10]


def test_hkcancor(hkcancor):
    train, held_out = hkcancor
    segmenter = Segmenter().fit(train)
    counts = segmenter.model.statistics_
    assert counts.start.tolist() == [5083, 0, 0, 9462]
    assert counts.trans.tolist() == [[0, 4002, 29646, 0], [0, 5164, 4002, 0], [8216, 0, 0, 25432], [20349, 0, 0, 69513]]
    assert len(segmenter.model.emission_.symbols) == 2466
    result = segmenter.evaluate(held_out)
    assert [round(v, 4) for v in result] == [0.9017, 0.8939, 0.8978]
    # 13,946 of 15,466 words found, of 15,601 gold words
    assert result == pytest.approx([13946 / 15466, 13946 / 15601, 2 * 13946 / (15466 + 15601)], rel=1e-15)
    for text in map("".join, held_out):
        assert "".join(segmenter.cut(text)) == text


@pytest.mark.parametrize("pseudocount, f1", [(0.01, 0.8996), (0.1, 0.8993), (1, 0.8978)])
def test_hkcancor_with_pseudocounts(hkcancor, pseudocount, f1):
    train, held_out = hkcancor
    assert round(Segmenter(pseudocount=pseudocount).fit(train).evaluate(held_out).f1, 4) == f1


def test_hkcancor_impossible_utterances(hkcancor):
    train, held_out = hkcancor
    model = Segmenter().fit(train).model
    assert sum(model.score(["".join(line)]) == -np.inf for line in held_out) == 15


# ---- what is a character ----


@pytest.mark.parametrize("mark", ["\ufeff", " \ufeff ", "\ufeff\ufeff"], ids=ascii)
def test_a_byte_order_mark_is_no_character(segmenter, mark):
    marked = Segmenter().fit([mark + line for line in SENTENCES])
    assert marked.model.emission_.symbols == segmenter.model.emission_.symbols
    assert np.array_equal(marked.model.transmat_, segmenter.model.transmat_)
    assert segmenter.cut(mark + "今天天气") == segmenter.cut("今天天气") == ["今天", "天气"]
    assert segmenter.cut([mark + "今天", mark, "天气"]) == [["今天"], [], ["天气"]]
    assert marked.evaluate([mark + SENTENCES[0]]) == segmenter.evaluate(SENTENCES[:1])
    with pytest.raises(ValueError, match=r"line 0, word 0 .*byte order mark"):
        Segmenter().fit([[mark + "今天", "天气"]])


CLUSTERS = {
    "a family": "👨\u200d👩\u200d👧",
    "a heart in colour": "❤\ufe0f",
    "a skin tone": "👍🏽",
    "combining marks": "e\u0301\u0327",
    "a keycap": "1\ufe0f\u20e3",
    "a flag": "🇭🇰",
    "the flag of Scotland": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "a syllable in letters": "\u1112\u1161\u11ab",
    "a Devanagari cluster": "\u0915\u094d\u0937\u093f",
    "Thai am": "น\u0e33",
    "a kana with its mark": "か\u3099",
    "narrow kana with its mark": "ｶ\uff9e",
    "a variant of an ideograph": "葛\U000e0100",
}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_no_cut_inside_what_readers_see_as_one_character(segmenter, cluster):
    rng = np.random.default_rng(0)
    for _ in range(30):
        known = [random_text(rng, "今天真是喜欢下雨", n) for n in rng.integers(0, 4, 3)]
        text = known[0] + cluster + known[1] + cluster * 2 + known[2]
        found = segmenter.cut(text)
        assert "".join(found) == text
        ends = set(np.cumsum([len(word) for word in found]).tolist())
        for match in re.finditer(re.escape(cluster), text):
            assert ends.isdisjoint(range(match.start() + 1, match.end())), found


def test_flags_side_by_side_may_be_cut_between():
    segmenter = Segmenter().fit(["🇭🇰 🇯🇵 今天", "🇯🇵 🇭🇰"])
    assert segmenter.cut("🇭🇰🇯🇵") == ["🇭🇰", "🇯🇵"]


def test_white_space_cuts_before_a_lone_mark(segmenter):
    assert segmenter.cut("今天 \u0301天气")[1][0] == "\u0301"
    assert segmenter.cut(["今天", "\u0301"]) == [["今天"], ["\u0301"]]


@pytest.mark.parametrize("separator", "/_|#／")
def test_words_with_tags_are_refused(separator):
    lines = ["今天/t 天气/n 真/d 不错/a", "浦东新区/ns 在/p 下雨/v", "，/w"]
    lines = [line.replace("/", separator) for line in lines]
    for same in (lines, [line.split() for line in lines]):
        with pytest.raises(ValueError, match=f"carry a tag, such as '今天{separator}t'.*Strip it"):
            Segmenter().fit(same)
    assert Segmenter().fit(["10 km/h 今天", "and/or 天气 真"]).cut("今天")


def test_tags_of_a_set_have_no_order():
    with pytest.raises(TypeError, match="words is one set"):
        tags({"今天", "天气"})
