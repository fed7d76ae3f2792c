"""The report: facts by name, and sentences."""

import json

import numpy as np
import pytest

from chmm import Gaussian
from chmm.report import SENTENCES, STOPPED, Report, twins, unreachable

FACTS = {
    "n_sequences": 3, "n_steps": 120, "kind": "numbers", "missing": 1, "partly_missing": 0, "unknown": {"x": 2, "y": 1},
    "structural_zeros": 4, "stopped": "tol", "n_starts": 12, "n_agreed": 9, "n_failed": 1, "n_dropped": 5, "left": 2e-4,
    "states_without_evidence": ["a"], "unreachable_states": [], "twin_states": [["a", "b"], ["c", "d"]],
    "identical_starts": [], "at_limits": [(0, "dofs, column 1")], "own_fact": 7,
}  # fmt: skip


def test_it_is_a_mapping():
    report = Report(FACTS)
    assert report["n_steps"] == 120 and "left" in report and len(report) == len(FACTS)
    assert report == FACTS and dict(report) == FACTS and report.get("nothing") is None
    assert json.loads(json.dumps(dict(report)))["unknown"] == {"x": 2, "y": 1}
    with pytest.raises(TypeError):
        report["n_steps"] = 3


def test_it_reads_as_sentences_and_leaves_out_what_did_not_occur():
    text = str(Report(FACTS))
    for told in (
        "Learnt from 3 sequences (numbers), 120 steps in all.",
        "1 step is missing.",
        "'x' (2), 'y' (1)",
        "Of 12 starts 9 led to this optimum",
        "1 failed",
        "converged",
        "'a' and 'b', 'c' and 'd'",
        "dofs, column 1 of state 0",
        "Own fact: 7.",
    ):
        assert told in text, told
    for quiet in ("Partly", "no path", "cannot tell"):
        assert quiet not in text
    assert all(line.endswith(".") and line[0].isupper() | line[0].isdigit() for line in text.split("\n"))


@pytest.mark.parametrize("name", SENTENCES)
def test_every_fact_has_a_sentence_or_belongs_to_one(name):
    pairs = {key: [(0, "one")] for key in ("twin_states", "identical_starts", "cells_without_evidence", "at_limits")}
    full = {**dict.fromkeys(SENTENCES, 2), "stopped": "tol", "kind": "text", **pairs}
    assert isinstance(str(Report(full)), str)
    assert name.isidentifier()


def test_every_reason_has_a_sentence():
    for reason, sentence in STOPPED.items():
        assert str(Report({"stopped": reason})) == sentence


def test_states_that_were_moved_are_told_with_the_starts():
    text = str(Report({"n_starts": 12, "n_agreed": 2, "n_moved": 1}))
    assert "2 led to the best optimum among theirs" in text and "higher 1 time to move a state." in text


def test_unreachable_states():
    assert unreachable(np.array([1.0, 0, 0]), np.array([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1]])).tolist() == [2]
    assert unreachable(np.array([0, 0, 1.0]), np.array([[0.5, 0.5, 0], [1, 0, 0], [1, 0, 0]])).tolist() == []


def test_twins_could_change_places():
    values = np.linspace(-1, 1, 5)[:, None]
    a = np.array([[0.5, 0.25, 0.25], [0.2, 0.5, 0.3], [0.2, 0.3, 0.5]])
    alike, unlike = Gaussian([0, 1, 1], [1, 2, 2]), Gaussian([0, 1, 1], [1, 2, 2.1])
    pi = np.array([0.4, 0.3, 0.3])
    assert twins((pi, a, alike, None), values) == [[1, 2]]
    assert twins((pi, a, unlike, None), values) == []
    assert twins((np.array([0.3, 0.4, 0.3]), a, alike, None), values) == []
    a[0, 1:] = 0.3, 0.2
    assert twins((pi, a, alike, None), values) == []
