"""Why a file is left out."""

from alpha_pipeline.errors import SourceError

EXPECTED = "ticker, date (or session), open, high, low, close, volume, and optionally adj_close"


class FileRefusedError(SourceError):
    """A file, or a ticker of it, that is not read: the reason with its fix, without the file's name."""
