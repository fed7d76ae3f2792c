"""The weather, seen only through what a friend does each day: how probable are her days, and what was the weather?

The hidden chain is the weather (rainy, sunny), the observations are walk, shop and clean.
"""

import numpy as np
from tables import show

from chmm import Categorical, MarkovChain, Model

WEATHER = ["rainy", "sunny"]
ACTIVITIES = ["walk", "shop", "clean"]
PI = [0.6, 0.4]
A = [[0.7, 0.3], [0.4, 0.6]]
B = [[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]]


def visible():
    """The chain alone: someone who lives there sees the weather itself."""
    chain = MarkovChain(states=WEATHER, startprob=PI, transmat=A)
    days = ["rainy", "rainy", "sunny"]
    print(f"\nThe visible chain: P({', '.join(days)}) = 0.6 · 0.7 · 0.3 = {np.exp(chain.score([days])):.6g}")
    shares = zip(WEATHER, chain.stationary_distribution(), strict=True)
    print("  in the long run: " + ", ".join(f"{share:.6f} {weather}" for weather, share in shares))


def walk_through(model, days):
    steps = [f"t={t} {activity}" for t, activity in enumerate(days, start=1)]
    print(f"\n==== O = {', '.join(days)} ====")
    forward = model.forward(days, scaled=False)
    backward = model.backward(days, scaled=False)
    posteriors = model.posteriors(days, pairs=True)
    decoding = model.decode(days)
    show("Forward: α_t(i) = P(o_1 ... o_t, q_t = i)", forward.alpha, steps, WEATHER, 12)
    print(f"  P(O) = Σ_i α_T(i) = {np.exp(forward.loglik):.10g}")
    show("Backward: β_t(i) = P(o_t+1 ... o_T | q_t = i)", backward.beta, steps, WEATHER, 12)
    print(f"  P(O) = Σ_i π_i b_i(o_1) β_1(i) = {np.exp(backward.loglik):.10g}")
    show("γ_t(i) = P(q_t = i | O)", posteriors.gamma, steps, WEATHER, 8)
    for t, xi in enumerate(posteriors.xi, start=1):
        show(f"ξ_{t}(i, j) = P(q_{t} = i, q_{t + 1} = j | O), from row i to column j", xi, WEATHER, WEATHER, 8)
    print("\nViterbi: the single most probable weather")
    print(f"  {', '.join(decoding.path)} with p* = P(O, Q*) = {np.exp(decoding.log_prob):.8g}")


def main():
    print("Weather and activities: λ = (A, B, π)")
    show("π", PI, ["π"], WEATHER, 1)
    show("A: from row to column", A, WEATHER, WEATHER, 1)
    show("B", B, WEATHER, ACTIVITIES, 1)
    visible()
    model = Model(states=WEATHER, startprob=PI, transmat=A, emission=Categorical(B, symbols=ACTIVITIES))
    walk_through(model, ["walk", "shop", "clean"])
    walk_through(model, ["walk", "clean", "shop"])
    walk_through(model, ["walk", "shop", "clean", "walk", "walk", "shop"])


if __name__ == "__main__":
    main()
