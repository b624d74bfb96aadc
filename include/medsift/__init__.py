"""medsift: every picture out of documents, sorted into medical and non-medical.

The public Python API is `medsift.steps` (the same steps that the command line and the DAG run)
together with `Settings.load()`; see docs/architecture.md.
"""

__version__ = "0.1.0"
