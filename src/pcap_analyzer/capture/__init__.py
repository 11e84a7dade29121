"""A capture file: where its bytes come from, what it is, and the walk over it window by window.

`source` gives windows of memory, whether they are piped, compressed or still growing, and leaves a plain file to the
scanner; `magic` says what a file is by its first bytes; `pcap` and `pcapng` read what the native walk does not need;
`reader` drives the scanner over it all.
"""
