"""The examples run, and print the numbers of the texts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def parts(output):
    """The output split at its ==== headings ====, each part as (text, {first word of a title: table})."""
    pieces = re.split(r"^==== (.*) ====$", output, flags=re.MULTILINE)
    found = {"": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return {heading: (text, tables(text)) for heading, text in found.items()}


def tables(text):
    """{title: array}: a title, a line of column names, rows of a name and as many numbers."""
    found = {}
    for block in text.split("\n\n"):
        title, *lines = block.strip("\n").split("\n")
        if not lines:
            continue
        n_columns = len(re.split(" {2,}", lines[0].strip()))
        rows = []
        for line in lines[1:]:
            try:
                rows.append([float(cell) for cell in line.split()[-n_columns:]])
            except ValueError:
                break
        found[title] = np.array(rows)
    return found


def table(found, start):
    """The one table whose title starts so."""
    (title,) = [title for title in found if title.startswith(start)]
    return found[title]


def close(found, expected, digits=8):
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.6 * 10.0**-digits)


def test_balls():
    found = parts(run("balls.py"))
    text, t = found["O = red, white, red"]
    close(table(t, "Forward"), [[0.10, 0.16, 0.28], [0.077, 0.1104, 0.0606], [0.04187, 0.035512, 0.052836]])
    close(table(t, "Backward"), [[0.2451, 0.2622, 0.2277], [0.54, 0.49, 0.57], [1, 1, 1]])
    gamma = [
        [0.18822283, 0.32216744, 0.48960973],
        [0.31931069, 0.41542644, 0.26526287],
        [0.32153773, 0.27271191, 0.40575036],
    ]
    close(table(t, "γ"), gamma)
    xi = [
        [0.10367230, 0.04515505, 0.03939548],
        [0.09952541, 0.18062019, 0.04202184],
        [0.11611298, 0.18965120, 0.18384555],
    ]
    close(table(t, "ξ_1"), xi)
    close(table(t, "ξ_1").sum(axis=1), gamma[0], 7)
    close(table(t, "ξ_2").sum(axis=0), gamma[2], 7)
    assert text.count("= 0.130218\n") == 2
    assert "boxes 3, 3, 3 with p* = P(O, Q*) = 0.0147\n" in text
    close(table(t, "π_i"), gamma[:1])
    transmat = [
        [0.49553639, 0.18217582, 0.32228779],
        [0.30734633, 0.47476262, 0.21789105],
        [0.21546725, 0.32521516, 0.45931759],
    ]
    close(table(t, "a_ij"), transmat)
    close(table(t, "b_j"), [[0.61485735, 0.38514265], [0.58881119, 0.41118881], [0.77144785, 0.22855215]])
    assert "rose from -2.038545309915 to -1.894035379407\n" in text

    text, t = found["O = red, white, red, red"]
    close(table(t, "Backward")[0], [0.132638, 0.140463, 0.122819])
    assert table(t, "Forward").shape == table(t, "γ").shape == (4, 3)
    close(table(t, "Forward")[3].sum(), 0.0701272, 7)
    close(table(t, "γ").sum(axis=1), 1, 7)
    assert text.count("= 0.0701272\n") == 2
    assert "boxes 3, 3, 3, 3 with p* = P(O, Q*) = 0.005145\n" in text
    assert "rose from -2.657444543082 to -2.250920262959\n" in text


def test_weather():
    found = parts(run("weather.py"))
    assert "P(rainy, rainy, sunny) = 0.6 · 0.7 · 0.3 = 0.126\n" in found[""][0]
    assert "0.571429 rainy, 0.428571 sunny" in found[""][0]
    days = {
        "walk, shop, clean": ("0.033612", "sunny, rainy, rainy", "0.01344"),
        "walk, clean, shop": ("0.031038", None, None),
        "walk, shop, clean, walk, walk, shop": (
            "0.001135977792",
            "sunny, rainy, rainy, sunny, sunny, sunny",
            "0.00015676416",
        ),
    }
    for sequence, (likelihood, path, best) in days.items():
        text, t = found[f"O = {sequence}"]
        assert text.count(f"= {likelihood}\n") == 2
        assert path is None or f"  {path} with p* = P(O, Q*) = {best}\n" in text
        steps = sequence.count(",") + 1
        alpha, beta, gamma = (table(t, start) for start in ("Forward", "Backward", "γ"))
        assert alpha.shape == beta.shape == gamma.shape == (steps, 2)
        close(alpha[0], [0.06, 0.24])
        close(beta[-1], 1)
        close(alpha[-1].sum(), float(likelihood), 11)
        close(alpha * beta / float(likelihood), gamma)
        for i in range(1, steps):
            close(table(t, f"ξ_{i}").sum(axis=1), gamma[i - 1], 7)
            close(table(t, f"ξ_{i}").sum(axis=0), gamma[i], 7)


def test_sentences():
    found = parts(run("sentences.py"))
    text, t = found[""]
    assert "今天 天气 真 不错: BEBESBE\n" in text
    assert "浦东新区 在 下雨: BMMESBE\n" in text
    assert "我 是 真的 喜欢 晴天: SSBEBEBE\n" in text
    assert table(t, "First tags").tolist() == [[2, 0, 0, 1]]
    assert table(t, "Transitions").tolist() == [[0, 1, 7, 0], [0, 1, 1, 0], [3, 0, 0, 2], [3, 0, 0, 1]]
    assert table(t, "How often").tolist() == [[8, 2, 8, 4], [8, 2, 5, 4]]
    assert table(t, "Characters").shape == (19, 4)
    assert table(t, "Characters").sum(axis=0).tolist() == [8, 2, 8, 4]
    close(table(t, "π"), [[2 / 3, 0, 0, 1 / 3]], 6)
    assert table(t, "A").tolist() == [[0, 0.125, 0.875, 0], [0, 0.5, 0.5, 0], [0.6, 0, 0, 0.4], [0.75, 0, 0, 0.25]]
    close(table(t, "B, turned"), table(t, "Characters") / [8, 2, 8, 4], 3)
    text, t = found["O = 真是喜欢下雨"]
    assert "SSBEBE: 真 | 是 | 喜欢 | 下雨\n" in text
    assert "p* = 4.380941391e-07 = 147/335544320, P(O) = 4.380941391e-07\n" in text
    on_the_path = [["BMES".index(tag) == i for i in range(4)] for tag in "SSBEBE"]
    assert table(t, "γ").tolist() == on_the_path
    assert ((table(t, "Forward") > 0) >= on_the_path).all()
    close(table(t, "Forward")[-1].sum(), 147 / 335544320, 12)
    assert text.endswith("\n  真 | 是 | 喜欢 | 下雨\n")


def test_segmentation():
    pytest.importorskip("pycantonese")
    text = run("segmentation.py")
    t = tables(text)
    assert "14,545 utterances" in text and "2,466 of them different; 1,617 held out" in text
    assert table(t, "First tags").tolist() == [[5083, 0, 0, 9462]]
    counts = [[0, 4002, 29646, 0], [0, 5164, 4002, 0], [8216, 0, 0, 25432], [20349, 0, 0, 69513]]
    assert table(t, "Transitions").tolist() == counts
    assert "pseudocount 0  : precision 0.9017, recall 0.8939, F1 0.8978\n" in text
    assert "pseudocount 0.1: precision 0.9028, recall 0.8958, F1 0.8993\n" in text
    assert "我哋今日去邊度食飯呀?\n  我哋 | 今日 | 去 | 邊度 | 食飯 | 呀 | ?\n" in text
    assert "佢哋聽日要返學\n  " in run("segmentation.py", "佢哋聽日要返學", "")


def test_shards():
    text = run("shards.py")
    before, after = map(float, re.search(r"objective (\S+) -> (\S+) in 30 steps, 4 files", text).groups())
    fitted = float(re.search(r"objective (\S+) by a fit of them", text)[1])
    assert after > before and abs(after - fitted) < 1
