"""
Saying what is meant, with a few labels
=======================================

EM finds the states that differ most, and that may not be the difference you have in mind. Labels for one recession and
one recovery put this right.
"""

# %%
# The United States, 1959 to 2009, by quarter (statsmodels' ``macrodata``): growth of GDP, in per cent per year, and the
# change in unemployment, in per cent of the labour force. Without labels, the two states are steady and turbulent
# times: the second continues through every recovery.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from statsmodels.datasets import macrodata

from chmm import Gaussian, Model, plot

macro = macrodata.load_pandas().data
macro.index = pd.period_range("1959Q1", periods=len(macro), freq="Q")
x = pd.DataFrame({"growth": 400 * np.log(macro["realgdp"]).diff(), "unemployment": macro["unemp"].diff()})[1:]
unlabelled = Model(2, Gaussian(covariance="full"), random_state=0).fit(x).relabel({0: "steady", 1: "turbulent"})
plot.states(unlabelled, x)

# %%
# Now 21 of the 202 quarters get a label: one recession, and the years after it. All others are None, for unknown. EM
# keeps the labels and infers the rest.

labels = pd.Series(None, index=x.index, dtype=object)
labels["1973Q4":"1975Q1"] = "recession"
labels["1975Q2":"1978Q4"] = "expansion"
model = Model(states=["expansion", "recession"], emission=Gaussian(covariance="full"), random_state=0)
model.fit([x], [labels.tolist()])
plot.states(model, x)

# %%
# The probability of a recession, compared with the recessions dated by the NBER (grey).

nber = "1960Q2 1961Q1 1969Q4 1970Q4 1973Q4 1975Q1 1980Q1 1980Q3 1981Q3 1982Q4 1990Q3 1991Q1 2001Q1 2001Q4 2007Q4 2009Q2"
nber = np.reshape([pd.Period(quarter).to_timestamp() for quarter in nber.split()], (-1, 2))
figure, ax = plt.subplots(figsize=(8, 2.5), layout="constrained")
for peak, trough in nber:
    ax.axvspan(peak, trough, color="0.8", lw=0)
quarters = x.index.to_timestamp()
ax.plot(
    quarters, np.asarray(unlabelled.predict_proba(x))[:, 1], ":", color="black", lw=1, label="without labels: turbulent"
)
ax.plot(quarters, np.asarray(model.predict_proba(x))[:, 1], color="black", label="with labels: recession")
ax.set(ylabel="probability", ylim=(0, 1))
ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
