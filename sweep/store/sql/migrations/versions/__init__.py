"""Revisions of the schema, one file each, oldest first.

A revision states its tables itself: it must not change when `sweep.store.sql.models` does.
"""
