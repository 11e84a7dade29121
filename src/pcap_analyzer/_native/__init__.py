"""The compiled kernels of native/, with their types in the .pyi beside this file.

They know nothing of the rest of the package: numpy arrays and buffers in, numbers out.
"""
