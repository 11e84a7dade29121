"""The table of the first slice, which was made without Alembic."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Analyses: what was uploaded and how far it has come."""
    op.create_table(
        "analyses",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("reason", sa.String(2000)),
        sa.Column("script_nonce", sa.String(64)),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("packets", sa.BigInteger, nullable=False),
        sa.Column("bytes_read", sa.BigInteger, nullable=False),
        sa.Column("bytes_total", sa.BigInteger),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_index("analyses_by_state", "analyses", ["state", "created_at"])
    op.create_index("analyses_by_time", "analyses", ["created_at"])
