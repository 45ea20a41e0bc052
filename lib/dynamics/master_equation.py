"""The master equation: how the probabilities of a random process move in time.

:func:`generator` makes Q from the rates of jumps, gain minus loss; :func:`evolve` solves
dp/dt = Qp, for a matrix as for a :class:`~lib.dynamics.reaction_network.ReactionNetwork` on a
lattice of a million states; :func:`transition_matrix` gives all transition probabilities at once
and :func:`stationary_distribution` where it all settles.

All functions share these conventions. A law is a column: ``rates[x, y]`` is the rate of the jump
from y to x, and the columns of a generator add up to 0. (Books on Markov chains often have rows
instead; transpose theirs.) Rates are per time, in whatever unit time has. Inputs are never
modified, dtype and device come back as they went in, items of a batch never influence each other.
"""

from lib.dynamics._evolve import Evolution, evolve
from lib.dynamics._generators import generator, probability_currents
from lib.dynamics._lattice import lattice_generator
from lib.dynamics._stationary import stationary_distribution
from lib.dynamics._transition import transition_matrix

# What belongs to the subject and has a home of its own, for those who look for it here.
from lib.dynamics.discrete_diffusion import AbsorbingDiffusion as AbsorbingDiffusion
from lib.dynamics.discrete_diffusion import UniformDiffusion as UniformDiffusion
from lib.dynamics.discrete_diffusion import score_entropy as score_entropy
from lib.dynamics.panel import panel_log_likelihood as panel_log_likelihood
from lib.dynamics.reaction_network import ReactionNetwork as ReactionNetwork
from lib.dynamics.stochastic_simulation import simulate as simulate

__all__ = [
    "Evolution",
    "evolve",
    "generator",
    "lattice_generator",
    "probability_currents",
    "stationary_distribution",
    "transition_matrix",
]

for _name in __all__:  # for links, ledgers and tracebacks: their home is where one imports them
    globals()[_name].__module__ = __name__
