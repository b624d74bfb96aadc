"""What reads a PDF; everything here runs in the sandbox child."""

from typing import Any, TypeAlias

Mu: TypeAlias = Any  # an object of MuPDF's: its binding has no types
