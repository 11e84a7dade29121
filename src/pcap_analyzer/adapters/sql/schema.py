"""The tables as the newest migration leaves them; tests/adapters compares both."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Moments, stored in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()
analyses = Table(
    "analyses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("filename", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("reason", String(2000)),
    Column("script_nonce", String(64)),
    Column("phase", String(16), nullable=False),
    Column("packets", BigInteger, nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("bytes_total", BigInteger),
    Column("seconds", Float, nullable=False),
    # The upload: how much of it is kept, what the service does with it when nobody goes on with it.
    Column("received_bytes", BigInteger, nullable=False, server_default="0"),
    Column("block_digests", LargeBinary),
    Column("content_hash", String(64)),
    Column("expires_at", UtcDateTime),
    # The run: whose it is and until when, unless its holder says again that it lives.
    Column("worker", String(64)),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # What is told of it before it is done, as JSON, and whose results it has, where the same bytes had come before.
    Column("first_results", LargeBinary),
    Column("duplicate_of", String(36)),
    # Claiming and counting by state, the history by time.
    Index("analyses_by_state", "state", "created_at"),
    Index("analyses_by_time", "created_at"),
    # Is this upload known? What hangs on this result?
    Index("analyses_by_content", "content_hash"),
    Index("analyses_by_original", "duplicate_of"),
)
transitions = Table(
    "transitions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("analysis_id", String(36), ForeignKey("analyses.id", ondelete="CASCADE"), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", String(2000)),
    Index("transitions_by_analysis", "analysis_id", "number"),
)
