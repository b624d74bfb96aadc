"""The Review page and REST API: an app that knows no Airflow, served in Airflow's UI by plugins/medsift_review.py."""

from medsift.review.app import create_app
from medsift.review.identity import Identity, Right, User
from medsift.review.runs import Runs, RunView, StepView

__all__ = ["Identity", "Right", "RunView", "Runs", "StepView", "User", "create_app"]
