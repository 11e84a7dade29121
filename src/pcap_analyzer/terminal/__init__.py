"""What the command line says: a progress bar while a capture is read (`progress`), a summary when it has been
(`summary`).

Somebody who watches gets it in colours, as wide as the window, from rich; a pipe gets the same words as plain lines,
for importing rich takes longer than the analysis of a small capture. No text is read as markup; the report has already
taken control characters out of what came from the capture.
"""
