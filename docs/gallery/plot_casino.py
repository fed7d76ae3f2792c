"""
Which die was rolled?
=====================

The textbook's casino has a fair die and a loaded one, and secretly switches between them. What do 300 rolls give away?
"""

# %%
# Durbin, Eddy, Krogh & Mitchison (1998), *Biological Sequence Analysis*, figure 3.5: the rolls, and the parameters that
# generated them. The loaded die rolls a six half of the time.

from chmm import Categorical, Model, plot

rolls = (
    "315116246446644245311321631164152133625144543631656626566666651166453132651245636664631636663162326455236266666625"
    "151631222555441666566563564324364131513465146353411126414626253356366163666466232534413661661163252562462255265252"
    "266435353336233121625364414432335163243633665562466662632666612355245242"
)
fair, loaded = [1 / 6] * 6, [0.1] * 5 + [0.5]
casino = Model(
    states=["fair", "loaded"], startprob=[0.5, 0.5], transmat=[[0.95, 0.05], [0.1, 0.9]],
    emission=Categorical([fair, loaded], symbols=list("123456")),
)  # fmt: skip
plot.states(casino, rolls)

# %%
# How the Viterbi algorithm decides, for ten of these rolls. Each node shows δ, the probability of the best path that
# ends there; the arrow shows where that path comes from. While there are sixes, even the best path to the fair die
# leads through the loaded one. Backtracking along the thick arrows then shows when the die was switched.

plot.trellis(casino, rolls[106:116])

# %%
# Can the dice be learnt from the rolls alone? EM finds one that is nearly fair, and one that rolls a six half of the
# time.

learnt = Model(2, random_state=0, n_init=20, pseudocount=1).fit(rolls)
plot.emissions(learnt, n_symbols=6)
