"""A seller's world over real usage: landing zones for demo, tests and training, with planted faults and their truth.

Belongs here: the generator of landing zones, the faults it plants, the score of a run against that truth.
Does not belong here: anything a production room needs. Production rooms never import this package.
"""
