"""What people and systems can do to the masters: one use case a module, functions only.

Every function takes its arguments by keyword, names its ``actor``, runs in one transaction and writes history, audit
and events in it. UI, API, feeds and commands call the same functions.
"""
