"""The slow twin: plain Python that reads, decodes and numbers streams, written without looking at the kernels.

It is an oracle, not a product: every function says what is true in the fewest words, whatever it costs. Where Wireshark
4.0 does something that its documentation does not say, the comment beginning with "Quirk" stands at the line it binds.
"""
