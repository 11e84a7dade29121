"""A child process, begun while all other threads go on.

Python's own ways to start one hold the interpreter's lock until the child has become its program. On a busy machine
that took up to 120 ms, in which a service answers nobody.
"""
from libc.stdlib cimport free, malloc

cdef extern from * nogil:
    """
    #include <signal.h>
    #include <spawn.h>
    /* 0, or the number of an error. */
    static int pcap_spawn(
        const char *path, char *const *arguments, char *const *environment, const int *descriptors, pid_t *child) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t ignored;
        int error = posix_spawn_file_actions_init(&actions);
        if (error)
            return error;
        error = posix_spawnattr_init(&attributes);
        if (error) {
            posix_spawn_file_actions_destroy(&actions);
            return error;
        }
        for (int at = 0; at < 3 && !error; at++)
            error = posix_spawn_file_actions_adddup2(&actions, descriptors[at], at);
    #if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
        if (!error)
            error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    #endif
        /* Python ignores these, and a child would inherit that. */
        sigemptyset(&ignored);
        sigaddset(&ignored, SIGPIPE);
        sigaddset(&ignored, SIGXFSZ);
        if (!error)
            error = posix_spawnattr_setsigdefault(&attributes, &ignored);
        if (!error)
            error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
        if (!error)
            error = posix_spawnp(child, path, &actions, &attributes, arguments, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    """
    ctypedef int pid_t
    int start "pcap_spawn"(
        const char* path, char* const* arguments, char* const* environment, const int* descriptors, pid_t* child
    )


cdef char** pointers(list texts) except NULL:
    """To texts that outlive them; the last is NULL."""
    cdef char** made = <char**>malloc((len(texts) + 1) * sizeof(char*))
    cdef Py_ssize_t at
    if made == NULL:
        raise MemoryError
    for at in range(len(texts)):
        made[at] = <bytes>texts[at]
    made[len(texts)] = NULL
    return made


def spawn(list arguments not None, list environment not None, int stdin, int stdout, int stderr):
    """Start a program in a session of its own, with three descriptors and no others; its process id.

    arguments: bytes, the first is the program, a path or a name that our PATH leads to.  environment: NAME=value as
    bytes.  Descriptors: above 2.
    Raises OSError where it cannot be started.
    """
    cdef int[3] descriptors
    cdef char** given = NULL
    cdef char** names = NULL
    cdef pid_t child = 0
    cdef int error
    if not arguments or min(stdin, stdout, stderr) < 3:
        raise ValueError("a program and descriptors above 2 are needed")
    if any([type(text) is not bytes or b"\0" in text for text in arguments + environment]):
        raise ValueError("arguments and environment are bytes without a zero")
    descriptors[0], descriptors[1], descriptors[2] = stdin, stdout, stderr
    try:
        given = pointers(arguments)
        names = pointers(environment)
        with nogil:
            error = start(given[0], given, names, descriptors, &child)
    finally:
        free(given)
        free(names)
    if error:
        raise OSError(error, f"{arguments[0]!r} cannot be started")
    return child
