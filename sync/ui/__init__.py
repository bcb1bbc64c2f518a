"""The sync and import screens. They live here because the arrow points from ``sync`` to ``mdm``."""
