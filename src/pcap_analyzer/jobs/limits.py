"""What a process that reads hostile bytes may use: it limits itself, before it opens any."""

import os
import resource

# After the soft limit's signal, this long until the kernel kills without asking.
_GRACE_CPU_SECONDS = 5
# The service's answers come first.
_NICENESS = 5


def limit_this_process(memory_bytes: int, cpu_seconds: int) -> None:
    """From now on it gets no more memory and processor time than that, and leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Not RLIMIT_AS: code and libraries are mapped, too, and cost nothing.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + _GRACE_CPU_SECONDS))
    os.nice(_NICENESS)
