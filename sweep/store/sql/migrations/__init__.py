"""Alembic's script folder; `Database.upgrade` runs it, there is no ini file.

A revision is a file in `versions/`, written by hand and never changed once released. There is no
way back: an older state is rebuilt from Parquet.
"""
