"""Three boxes of coloured balls: evaluation, decoding and one step of Baum-Welch, every number printed.

Box q_t is chosen unseen (π first, then by A), a ball o_t is drawn from it (by B) and put back. Only the colours are
seen: red, white, red; and red, white, red, red.
"""

import warnings

import numpy as np
from tables import show

from chmm import Categorical, ConvergenceWarning, Model

BOXES = [1, 2, 3]
COLOURS = ["red", "white"]
PI = [0.2, 0.4, 0.4]
A = [[0.5, 0.2, 0.3], [0.3, 0.5, 0.2], [0.2, 0.3, 0.5]]
B = [[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]]


def walk_through(drawn):
    model = Model(states=BOXES, startprob=PI, transmat=A, emission=Categorical(B, symbols=COLOURS), max_iter=1)
    boxes = [f"box {i}" for i in BOXES]
    steps = [f"t={t}" for t in range(1, len(drawn) + 1)]
    print(f"\n==== O = {', '.join(drawn)} ====")

    # evaluation
    forward = model.forward(drawn, scaled=False)
    backward = model.backward(drawn, scaled=False)
    show("Forward: α_t(i) = P(o_1 ... o_t, q_t = i)", forward.alpha, steps, boxes, 8)
    print(f"  P(O) = Σ_i α_T(i) = {np.exp(forward.loglik):.8g}")
    show("Backward: β_t(i) = P(o_t+1 ... o_T | q_t = i)", backward.beta, steps, boxes, 8)
    print(f"  P(O) = Σ_i π_i b_i(o_1) β_1(i) = {np.exp(backward.loglik):.8g}")

    # forward-backward
    posteriors = model.posteriors(drawn, pairs=True)
    show("γ_t(i) = P(q_t = i | O) = α_t(i) β_t(i) / P(O)", posteriors.gamma, steps, boxes, 8)
    for t, xi in enumerate(posteriors.xi, start=1):
        show(f"ξ_{t}(i, j) = P(q_{t} = i, q_{t + 1} = j | O), from row i to column j", xi, boxes, boxes, 8)

    # decoding
    decoding = model.decode(drawn)
    print("\nViterbi: the single most probable path")
    print(f"  boxes {', '.join(map(str, decoding.path))} with p* = P(O, Q*) = {np.exp(decoding.log_prob):.6g}")

    # learning: max_iter=1 is one step of EM, and the library warns that it was not enough
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learnt = Model(
            states=BOXES, startprob=PI, transmat=A, emission=Categorical(B, symbols=COLOURS), max_iter=1
        ).fit([drawn])
    print("\nBaum-Welch: the parameters after one step")
    show("π_i = γ_1(i)", learnt.startprob_, ["π"], boxes, 8)
    show("a_ij = Σ_t<T ξ_t(i, j) / Σ_t<T γ_t(i)", learnt.transmat_, boxes, boxes, 8)
    show("b_j(k) = Σ_t: o_t=k γ_t(j) / Σ_t γ_t(j)", learnt.emission_.probs, boxes, COLOURS, 8)
    print(f"  log P(O) rose from {model.score([drawn]):.12f} to {learnt.score([drawn]):.12f}")


def main():
    boxes = [f"box {i}" for i in BOXES]
    print("Three boxes of red and white balls: λ = (A, B, π)")
    show("π", PI, ["π"], boxes, 1)
    show("A: from row to column", A, boxes, boxes, 1)
    show("B", B, boxes, COLOURS, 1)
    walk_through(["red", "white", "red"])
    walk_through(["red", "white", "red", "red"])


if __name__ == "__main__":
    main()
