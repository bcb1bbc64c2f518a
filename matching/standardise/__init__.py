"""From what a system typed to what can be compared: words, sizes, codes, names, addresses, phones, places.

Every function here is pure and total: it takes text (or nothing) and returns a small, JSON-serialisable value; what it
can't read it leaves out, because absent is "not stated", never "different".
"""
