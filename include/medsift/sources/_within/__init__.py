"""Files within files: members of an archive, files attached to a PDF."""
