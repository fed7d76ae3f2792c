"""
When did the Nile change?
=========================

The annual flow of the Nile at Aswan fell once and stayed low. In which year, how certain is that, and how soon could
anyone have known?
"""

# %%
# A chain that can only move forward, ``topology="left-right"``, has one change: from the first state to the second.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from statsmodels.datasets import nile

from chmm import Gaussian, Model, plot

data = nile.load_pandas().data
flow = pd.Series(data["volume"].to_numpy(), index=pd.Index(data["year"].astype(int), name="year"), name="flow, 10⁸ m³")
model = Model(2, Gaussian(), topology="left-right", random_state=0).fit(flow).relabel({0: "high", 1: "low"})
plot.states(model, flow)

# %%
# Each path has one year of change, so paths drawn from their posterior distribution give draws of that year. The low
# flow began in 1899, with probability 0.78, or a year or two earlier or later.

drawn = model.sample_posterior(flow, 2000, random_state=0)
first = flow.index[0] + (np.asarray(drawn) == "high").sum(axis=1)
years, share = np.unique(first, return_counts=True)
figure, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
ax.bar(years, share / len(first), color=plot.colours(model)["low"], edgecolor="black")
ax.set(xlabel="first year of the low flow", ylabel="probability", xticks=range(years.min(), years.max() + 1))

# %%
# Hindsight is easy. In 1899 itself (the filter, lag 0) the question was open, because one low year is not yet a change.
# Two years later the change was almost certain.

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for lag, style, label in ((0, "-", "at once"), (2, "--", "two years later"), (None, ":", "in hindsight")):
    low = np.asarray(model.predict_proba(flow, lag=lag))[:, 1]
    ax.plot(flow.index[20:40], low[20:40], style, color="black", label=label)
ax.set(xlabel="year", ylabel="P(low)", xticks=range(1891, 1911, 2))
ax.legend()
