"""SQL side of the store: tables, migrations, and writing Arrow rows on SQLite and Postgres.

`sweep.store.database.Database` is the way in.
"""
