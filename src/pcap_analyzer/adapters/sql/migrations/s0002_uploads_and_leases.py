"""Uploads that resume, runs that are held by a lease, and every transition with its time and reason."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Columns of the upload and of the run; the table of transitions."""
    for column in (
        sa.Column("received_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("block_digests", sa.LargeBinary),
        sa.Column("content_hash", sa.String(64)),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("worker", sa.String(64)),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("analyses", column)
    # What is there was received whole.
    op.execute("UPDATE analyses SET received_bytes = size_bytes")
    op.create_table(
        "transitions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("analysis_id", sa.String(36), sa.ForeignKey("analyses.id", ondelete="CASCADE"), nullable=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("reason", sa.String(2000)),
    )
    op.create_index("transitions_by_analysis", "transitions", ["analysis_id", "number"])
