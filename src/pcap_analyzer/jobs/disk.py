"""How the disk says that it is full, and what it must keep free."""

import errno

# What the two artifacts of any capture fit into: the size of a report is bounded.
REPORT_BYTES = 8 << 20


def is_full(error: OSError) -> bool:
    """Whether the disk, the quota or the file system's largest file size ended a write."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
