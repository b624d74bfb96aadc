"""DAG `medsift_refit`: a model set from people's labels, every week and after labels were given; used if not worse."""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, AssetOrTimeSchedule, dag, get_current_context, task
from medsift_common import DEFAULTS, keep_summary, run_id_of
from medsift_schedule import every

from medsift.settings import Settings

LABELS = Asset(name="medsift_labels", uri="medsift://labels")
SETTINGS = Settings.load()
DOC = """
Learns from what people said of pictures: names of clusters, the voter `learned`, weights of voters and temperature.

- **Every Sunday** at 04:00 (setting `timezone`), and when the asset `medsift://labels` was updated.
- Sources, DICOM studies and near duplicates are never on both sides: the new model set is measured on labels that were
  held back, against the set in use on the same labels.
- Not worse: it is put into use, and `medsift_sort` scores inbox and watchlist anew. With setting
  `refit_promotion` at `ask` a person approves it first (Required Actions).
- Worse, too few labels, labels of one side or of one source: the run is green, says so, and changes nothing.
- `medsift modelset rollback` puts the set before back into use.
"""


def do_fit() -> dict[str, Any] | None:
    """Fit a set; what came of it if it may be put into use."""
    from medsift.steps import refit_from_labels

    context = get_current_context()
    date = context["dag_run"].run_after.date().isoformat()
    summary = keep_summary(lambda: refit_from_labels(Settings.load(), run_id_of(context), date))
    return summary if summary["is_not_worse"] else None


def do_promote(digest: str) -> None:
    """Put a set into use."""
    from medsift.steps import promote_set

    context = get_current_context()
    keep_summary(lambda: promote_set(Settings.load(), run_id_of(context), digest))


@dag(
    dag_id="medsift_refit",
    schedule=AssetOrTimeSchedule(timetable=every("0 4 * * 0"), assets=[LABELS]),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["medsift", "pictures"],
    doc_md=DOC,
)
def medsift_refit() -> None:
    """Fit, ask if so set, promote, score anew."""

    @task.short_circuit(doc_md="Fits a model set on people's labels and measures it; what follows is skipped if worse.")
    def fit() -> dict[str, Any] | None:
        return do_fit()

    @task(doc_md="Puts the model set into use, on the volume and in Postgres.")
    def promote(fitted: dict[str, Any]) -> None:
        do_promote(fitted["model_set"])

    score_anew = TriggerDagRunOperator(
        task_id="score_anew",
        trigger_dag_id="medsift_sort",
        conf={"sources": ""},
        doc_md="Starts `medsift_sort` over inbox and watchlist: unchanged pictures are scored from stored vectors.",
    )
    fitted = fit()
    promoted = promote(fitted)
    if SETTINGS.refit_promotion == "ask":
        approve = ApprovalOperator(
            task_id="approve",
            subject="Put the model set fitted from labels into use?",
            body="{{ ti.xcom_pull(task_ids='fit')['sentence'] }}",
            execution_timeout=None,  # a person may take days
            doc_md="Waits until a person has approved or rejected the model set.",
        )
        fitted >> approve >> promoted
    promoted >> score_anew


medsift_refit()
