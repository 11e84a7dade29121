"""What schemathesis has to know beside the document: the body of a part is bytes, as they are."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def part(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
