"""What reads DICOM files, run in the sandbox child only (but for the rule of tags.py)."""
