"""DAG `medsift_sort`: sources in, verdicts out, every night and on demand."""

from datetime import timedelta

from airflow.sdk import Asset, Param, TriggerRule, XComArg, dag, get_current_context, task, task_group
from medsift_common import ABOUT, DEFAULTS, MAPPED, all_of_group, do_mapped, do_plan, do_step
from medsift_schedule import every

from medsift.prompts import list_prompt_sets
from medsift.settings import Settings

VERDICTS = Asset(name="medsift_verdicts", uri="medsift://verdicts")
PROMPT_SETS = list_prompt_sets(Settings.load().prompts_dir)
FORM = {
    "sources": Param("", type="string", format="multiline", title="Sources", description="One a line."),
    "profile": Param(None, type=["null", "string"], title="Profile", description=ABOUT["profile"]),
    "prompt_set": Param(
        None, type=["null", "string"], title="Prompt set", description=ABOUT["prompt_set"], examples=PROMPT_SETS
    ),
    "review_threshold": Param(
        None, type=["null", "number"], minimum=0.5, maximum=1,
        title="Review below", description=ABOUT["review_threshold"],
    ),
    "medical_recall": Param(
        None, type=["null", "number"], exclusiveMinimum=0.5, exclusiveMaximum=1,
        title="Medical recall", description=ABOUT["medical_recall"],
    ),
}  # fmt: skip
DOC = """
Takes documents, web pages, folders and DICOM files, pulls every picture out and decides: medical or not.

- **On demand**: trigger it and name sources, one a line: paths under the inbox, the uploads or
  `MEDSIFT_SOURCE_ROOTS`, and addresses. Without sources it takes the inbox and `watchlist.txt`.
- **Every night** at 02:00 (setting `timezone`): what is new there. Nothing new is a green run with zeros.
- Tasks of runs on demand go before those of the nightly one; a night that finds another night's run unfinished skips.
- Clearing a task does its work anew; the same rows result.
- A lost batch does not stop the others: their rows are published, then `report` fails.
"""


@dag(
    dag_id="medsift_sort",
    schedule=every("0 2 * * *"),
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    tags=["medsift", "pictures"],
    doc_md=DOC,
    params=FORM,
)
def medsift_sort() -> None:
    """Tasks in the order of the data's way."""

    @task(doc_md="Resolves sources to files and addresses, drops what need not be read again, cuts batches.")
    def plan() -> list[dict[str, str]]:
        return do_plan()

    @task(doc_md="Pulls every picture out of a batch of sources, in child processes with limits.", **MAPPED)
    def extract(batch: dict[str, str]) -> dict[str, str]:
        do_mapped("extract", batch["name"], batch=batch["batch"])
        return batch

    @task(doc_md="Decodes, turns and measures the pictures of a batch; rejects with a reason.", **MAPPED)
    def preprocess(batch: dict[str, str]) -> str:
        do_mapped("preprocess", batch["name"], batch=batch["batch"])
        return batch["batch"]

    @task_group(prefix_group_id=False)
    def of_batch(batch: dict[str, str]) -> XComArg:
        """A group, so that a batch is preprocessed as soon as it is extracted, whatever becomes of the others."""
        return preprocess(extract(batch))

    # Of its upstream tasks, plan must have succeeded: then it runs even if every batch was lost.
    @task(
        doc_md="Joins what the batches found and links duplicates; cuts shards for the encoders.",
        trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
    )
    def shard(batches: object) -> list[dict[str, str]]:
        return do_step("shard", batches=all_of_group(batches))["shards"]

    @task(doc_md="One decode of each picture, every encoder of the profile.", queue="gpu", pool="gpu", **MAPPED)
    def embed(shard: dict[str, str]) -> None:
        do_mapped("embed", shard["name"], shard=shard["shard"])

    @task(doc_md="Voters that use the clusters of the model set.")
    def cluster() -> None:
        do_step("cluster")

    @task(doc_md="All other voters: prompts, words around the picture, DICOM tags.")
    def score() -> None:
        do_step("score")

    @task(doc_md="A say for pictures alike, then one calibrated verdict each, and whether a person should look at it.")
    def ensemble() -> None:
        do_step("ensemble")

    @task(doc_md="Rows into Postgres, one transaction a shard; safe to repeat.", execution_timeout=timedelta(hours=2))
    def publish() -> None:
        do_step("publish")

    @task(doc_md="Counts that add up, CSV, contact sheet; fails last where a batch was lost.", outlets=[VERDICTS])
    def report() -> None:
        get_current_context()["outlet_events"][VERDICTS].extra = do_step("report")

    planned = plan()
    sharded = shard(of_batch.expand(batch=planned))
    planned >> sharded
    embed.expand(shard=sharded) >> [cluster(), score()] >> ensemble() >> publish() >> report()


medsift_sort()
