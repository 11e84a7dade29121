"""How the tables came to be, one file a step, applied by Alembic in order; each says what was there before.

A step that has been released is never changed: databases out there have taken it. SQLite can add a column and drop one,
and little else; what needs more goes through `op.batch_alter_table`.
"""
