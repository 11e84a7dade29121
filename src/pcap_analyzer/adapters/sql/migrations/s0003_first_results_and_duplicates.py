"""What is told of an analysis before it is done, and uploads whose bytes had come before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns for both, and the indexes by which they are found."""
    op.add_column("analyses", sa.Column("first_results", sa.LargeBinary))
    op.add_column("analyses", sa.Column("duplicate_of", sa.String(36)))
    op.create_index("analyses_by_content", "analyses", ["content_hash"])
    op.create_index("analyses_by_original", "analyses", ["duplicate_of"])
