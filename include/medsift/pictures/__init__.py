"""Encoded bytes of unknown origin to pixels, digests and thumbnails.

`decode`, `prepare`, `thumbnails` and `views` open pictures and run only in the sandbox child; `workers`, `preparing`
and `batches` are their parents' side; `digests` and `quality` hold the rules.
"""
