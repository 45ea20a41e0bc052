"""Reaction networks: counted species, and the reactions that change their counts at random.

A :class:`ReactionNetwork` is a Markov process on a lattice of counts, written as chemists and
epidemiologists write it, ``"S + I -> 2 I"``. :func:`lib.dynamics.master_equation.evolve` moves the
probabilities of all its states in time.

All functions share these conventions. A state is the vector of counts, ``... species``; rates are
per time, in whatever unit time has. Inputs are never modified, and dtype and device come back as
they went in.
"""

from lib.dynamics._reaction_network import Reaction, ReactionNetwork

__all__ = ["Reaction", "ReactionNetwork"]

for _name in __all__:  # for links, ledgers and tracebacks: their home is where one imports them
    globals()[_name].__module__ = __name__
