"""Downtime packs: the crosswalk of a site on a disk, for the hours in which neither Concord nor the network is there.

A pack is one archive: an SQLite file for programs, a page for people that works from the disk alone, and a manifest
that names both by hash and is signed (Ed25519). ``signing``, ``manifest`` and ``verify`` need no database.
"""
