"""Runs migrations on the connection that schema.py hands over; there is no alembic.ini and no other way in."""

from alembic import context

from medsift.store.schema import is_same_type
from medsift.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=is_same_type)
with context.begin_transaction():
    context.run_migrations()
