"""What long work tells: a terminal's line, a log's lines, Python's logging, and nothing unless asked."""

import io
import logging
import re
import sys

import numpy as np
import pytest
from shared import same_bits

from chmm import Gaussian, Model, Poisson, SequenceClassifier, display, select
from chmm.display import Display, duration
from chmm.report import Progress
from chmm.scoring import cross_val_predict

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
x = np.random.default_rng(0).normal(np.repeat([0, 4, 0, 4], 30))
counts = np.random.default_rng(0).poisson(np.repeat([3, 9, 3, 9], 20))
NUMBER = r"[\d.e+-]+"
STEP = re.compile(
    rf"(start \d+ of \d+, )?step \d+: objective {NUMBER}(, gain {NUMBER})?(, about {NUMBER} left)?, {NUMBER} s"
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_bars(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def model(n_init=3, **options):
    return Model(2, Gaussian(), random_state=0, n_init=n_init, **options)


def test_nothing_is_printed_by_default(capfd, caplog):
    fitted = model().fit(x)
    fitted.bootstrap(x, 3, random_state=0)
    fitted.summary(x)
    select(Model(emission=Poisson(), n_init=1, random_state=0), counts, n_states=[1, 2])
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_a_fit_tells_its_steps_and_its_end(capsys):
    told = model().fit(x, progress=True)
    out, err = capsys.readouterr()
    *steps, last = err.splitlines()
    assert out == "" and steps and all(map(STEP.fullmatch, steps)), err
    assert last.startswith(f"converged after {told.n_iter_} EM steps, objective {told.history_[-1]:.6g}, ")
    for name in ("startprob_", "transmat_", "history_"):
        assert same_bits(getattr(told, name), getattr(model().fit(x), name))


def test_labels_a_callback_and_a_stop_go_with_it(capsys):
    model().fit([0.1, 5.0, 0.2], [0, 1, 0], progress=True)
    assert capsys.readouterr().err.startswith("counted, ")
    seen: list[Progress] = []
    model().fit(x, progress=True, callback=lambda p: seen.append(p) or len(seen) == 7)
    assert len(seen) == 7 and "NOT converged after" in capsys.readouterr().err


def test_selection_and_bootstrap_count(capsys):
    found = select(
        Model(emission=Poisson(), n_init=1, random_state=0), counts, n_states=[1, 2], criterion="cv", folds=2,
        progress=True,
    )  # fmt: skip
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "0 of 6 fits" and last.startswith("6 of 6 fits, ")
    found.best.bootstrap(counts, 4, random_state=0, progress=True)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "0 of 4 refits" and last.startswith("4 of 4 refits, ")
    found.best.summary(counts, progress=True)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"0 of (\d) parameters", first) and re.match(r"(\d) of \1 parameters", last)


def test_classes_and_folds_count(capsys):
    classes = [f"class {k}" for k in (0, 1, 0, 1, 0, 1)]
    parts = list(x.reshape(6, 20))
    told = SequenceClassifier(model(1)).fit(parts, classes, progress=True)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "0 of 2 classes" and last.startswith("2 of 2 classes, ")
    quiet = SequenceClassifier(model(1)).fit(parts, classes)
    assert same_bits(told.predict_proba(parts), quiet.predict_proba(parts))
    pytest.importorskip("sklearn", reason="folds are scikit-learn's")
    cross_val_predict(model(1), parts, cv=3, progress=True)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "0 of 3 folds" and last.startswith("3 of 3 folds, ")


def test_a_log_has_fewer_lines_as_time_goes_on(monkeypatch, clock):
    monkeypatch.setattr("sys.stderr", stream := io.StringIO())
    with Display(True) as shown:
        for second in range(3600):
            clock[0] = second
            shown.step(f"at {second}")
        shown.result("done")
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["at 0", "at 1", "at 2"] and lines[-1] == "done" and "\r" not in stream.getvalue()
    assert 50 < len(lines) < 100


def test_a_terminal_has_one_line(monkeypatch, clock):
    monkeypatch.setattr("sys.stderr", stream := Terminal())
    monkeypatch.setenv("COLUMNS", "20")
    with Display(True) as shown:
        for k in range(100):
            clock[0] = 0.01 * k
            shown.step("long " * 20 if k == 0 else f"at {k}")
        shown.result("done")
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n") and text.split("\r")[-1].rstrip() == "done"
    parts = text.rstrip("\n").split("\r")[1:]
    assert len(parts) < 15 and max(map(len, parts)) == 19
    assert all(len(b) >= len(a.rstrip()) for a, b in zip(parts, parts[1:]))  # nothing of the line before is left


def test_what_is_broken_off_ends_its_line(monkeypatch, clock):
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr("sys.stderr", stream)
        with pytest.raises(KeyboardInterrupt), Display(True) as shown:
            shown.step("one")
            shown.step("two")
            raise KeyboardInterrupt
        assert stream.getvalue().rstrip().endswith("two") and stream.getvalue().endswith("\n")


def test_a_stream_that_fails_ends_no_fit(monkeypatch):
    closed = io.StringIO()
    monkeypatch.setattr("sys.stderr", closed)
    with Display(True) as shown:
        closed.close()
        shown.step("one")
        shown.result("two")
    for gone in (None, closed):
        monkeypatch.setattr("sys.stderr", gone)
        assert model().fit(x, progress=True).converged_


def test_logging_has_steps_and_results(caplog):
    with caplog.at_level(logging.DEBUG, "chmm"):
        model().fit(x)
    steps = [r.getMessage() for r in caplog.records if r.levelno == logging.DEBUG]
    results = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO]
    assert steps and all(map(STEP.fullmatch, steps)) and len(results) == 1
    assert {r.name for r in caplog.records} == {"chmm"}
    caplog.clear()
    with caplog.at_level(logging.INFO, "chmm"):
        model().fit(x)
    assert [r.getMessage().split(",")[0] for r in caplog.records] == [results[0].split(",")[0]]


@pytest.mark.parametrize("wrong", [None, 1, "yes", print])
def test_progress_is_true_or_false(wrong):
    for ask in (
        lambda: model().fit(x, progress=wrong),
        lambda: model().fit(x).bootstrap(x, 3, progress=wrong),
        lambda: select(model(), x, n_states=[1, 2], progress=wrong),
    ):
        with pytest.raises(TypeError, match="must be True or False; callback="):
            ask()


def test_what_is_left_and_how_long_it_took():
    told = Progress(0, 1, 3, -12.5, 0.25, np.inf, 75.0, lambda: None)
    assert str(told) == "step 3: objective -12.5, gain 0.25, 1 min 15 s"
    want = {0: "0.0 s", 59.94: "59.9 s", 59.96: "1 min 0 s", 3599: "59 min 59 s", 3600: "1 h 0 min"}
    assert {seconds: duration(seconds) for seconds in want} == want


def test_tqdm_draws_the_line_of_a_terminal_below_other_bars(monkeypatch):
    monkeypatch.undo()
    tqdm = pytest.importorskip("tqdm", reason="tqdm is not installed").tqdm
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for _ in tqdm(range(2), file=terminal, desc="outer"):
        fitted = model().fit(x, progress=True)
    lines = terminal.getvalue().split("\r")
    assert f"converged after {fitted.n_iter_} EM steps" in terminal.getvalue()
    assert any("step 1: objective" in line for line in lines) and any("outer: 100%" in line for line in lines)
    assert "\n" in terminal.getvalue() and not tqdm._instances  # the bars stand below each other, and are closed
