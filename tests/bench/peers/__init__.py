"""Other matching tools behind one small interface: ``python -m tests.bench.peers.<peer> TASK_DIR``.

Each runs in an environment of its own, with the packages of ``requirements/<peer>.txt``, and imports nothing of ours.
"""
