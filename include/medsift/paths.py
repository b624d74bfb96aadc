"""What lies under a path that somebody typed, also one that no file system takes: nothing."""

import os
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether a folder lies there."""
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises for a name that is too long


def is_file(path: Path) -> bool:
    """Whether a regular file lies there."""
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises for a name that is too long
