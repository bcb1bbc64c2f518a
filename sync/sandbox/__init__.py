"""Counterparts for the demo and the tests: an EHR, an ERP and a supply chain with real sockets and their own state.

They are judged to be other people's systems: nothing here imports the adapters, each has its own parser, its own field
names and its own codes, and each can be told to misbehave. Start with ``python -m sync.sandbox --dir DIR``.
"""
