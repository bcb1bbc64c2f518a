"""Counterparts for the demo and the tests: EHRs (HL7 v2, FHIR), an ERP and a supply chain.

They have real sockets and their own state, and are judged to be other people's systems: nothing here imports the
adapters, each has its own parser, its own field names and its own codes, and each can be told to misbehave. Start with
``python -m sync.sandbox --dir DIR``.
"""
