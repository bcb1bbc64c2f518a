"""From what a system typed to what can be compared: words, sizes, codes, names, addresses, phones, places.

Every function here is pure and total: it takes text (or nothing) and returns a small, JSON-serialisable value; what it
can't read it leaves out, because absent is "not stated", never "different".
"""

VERSION = 5
"""Of what ``Recipe.standardise`` and ``Recipe.keys`` make of a record, and of how keys are numbered. Raised with every
change of that: what is stored was made with the version of its time, and is then made anew.
"""
