"""Airflow's REST API on loopback: health, pools, runs, task instances, what a failed task said."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from medsift.errors import StackError

PAGE = 100  # Airflow caps a page at this, silently
TOKEN_LIFE_S = 3600.0


class AirflowClient:
    """Speaks to one api-server. Every call raises `StackError` where there is no sensible answer.

    As its admin, with user and password; or as a person who is logged in there, with that person's `token`.
    """

    def __init__(self, address: str, user: str = "", password: str = "", token: str = "") -> None:
        self.address = address.rstrip("/")
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # loopback: never through a proxy of the caller's
        self._token_until = 0.0
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
            self._token_until = float("inf")

    def health(self) -> dict[str, float]:
        """Healthy components (metadatabase, scheduler, dag_processor) with their last heartbeat in seconds since 1970.

        A component without heartbeats is alive now; one that is not healthy is left out.
        """
        try:
            answer = self._session.get(f"{self.address}/api/v2/monitor/health", timeout=5)
            parts = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            return {}
        healthy = {name: part for name, part in parts.items() if (part or {}).get("status") == "healthy"}
        beats = {name: part.get(f"latest_{name}_heartbeat") for name, part in healthy.items()}
        return {name: datetime.fromisoformat(beat).timestamp() if beat else time.time() for name, beat in beats.items()}

    def takes_tasks(self) -> bool:
        """Whether the API that tasks speak with answers. Airflow makes it at the first request, which takes seconds."""
        try:
            return self._session.get(f"{self.address}/execution/health", timeout=30).ok
        except requests.RequestException:
            return False

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool unless there is one of that name; a person may have changed its slots."""
        if self._call("GET", f"/pools/{name}", accepted=(404,)).get("name") == name:
            return
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        self._call("POST", "/pools", pool)

    def has_dag(self, dag_id: str) -> bool:
        """Whether Airflow has read that DAG."""
        return self._call("GET", f"/dags/{dag_id}", accepted=(404,)).get("dag_id") == dag_id

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs start: a paused one keeps them queued."""
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def import_errors(self) -> list[str]:
        """What keeps DAG files from being read: file and last line of each error."""
        errors = self._call("GET", "/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run under an id of ours."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._call("POST", f"/dags/{dag_id}/dagRuns", body)

    def runs(self, dag_id: str, most: int) -> list[dict[str, Any]]:
        """The newest runs, newest first."""
        path = f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit={min(most, PAGE)}"
        return list(self._call("GET", path)["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run; empty where there is none of that id."""
        found = self._call("GET", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}", accepted=(404,))
        return found if found.get("dag_run_id") == run_id else {}

    def run_state(self, dag_id: str, run_id: str) -> str:
        """queued, running, success or failed."""
        return str(self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def unfinished_runs(self, dag_id: str) -> int:
        """How many runs are queued or running."""
        return int(self._call("GET", f"/dags/{dag_id}/dagRuns?state=queued&state=running&limit=1")["total_entries"])

    def stop_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which ends its tasks."""
        self._call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": "failed"})

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run, mapped ones each."""
        return list(self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def summary(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> dict[str, Any]:
        """What a finished task said of its work; empty where it said nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/summary"
        value = self._call("GET", f"{path}?map_index={map_index}&deserialize=true", accepted=(404,)).get("value")
        return value if isinstance(value, dict) else {}

    def error_of(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> str:
        """The sentence with which a task's last try failed, from its log; empty where there is none."""
        instance = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
        log = self._call("GET", f"{instance}/logs/{task['try_number']}?map_index={task['map_index']}", accepted=(404,))
        sentences = [error_in(entry) for entry in log.get("content", []) if isinstance(entry, dict)]
        return next((sentence for sentence in reversed(sentences) if sentence), "")

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self._call("GET", f"{path}?limit={PAGE}&offset={offset}")[key]
            yield from page
            offset += len(page)
            if len(page) < PAGE:
                return

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accepted: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        try:
            if time.monotonic() > self._token_until:
                self._log_in()
            answer = self._session.request(method, f"{self.address}/api/v2{path}", json=body, timeout=30)
            if not answer.ok and answer.status_code not in accepted:
                raise StackError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}")
            return dict(answer.json())
        except (requests.RequestException, ValueError) as error:
            raise StackError(f"Airflow at {self.address} does not answer ({type(error).__name__}).") from error

    def _log_in(self) -> None:
        answer = self._session.post(f"{self.address}/auth/token", json=self._credentials, timeout=30)
        if answer.status_code != requests.codes.created:
            raise StackError(f"Airflow at {self.address} refused the stack's password ({answer.status_code}).")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._token_until = time.monotonic() + TOKEN_LIFE_S


def error_in(entry: Mapping[str, Any]) -> str:
    """The exception that one line of a task log carries, or nothing."""
    details = entry.get("error_detail") or []
    if details and isinstance(details[0], dict):
        said = str(details[0].get("exc_value") or details[0].get("exc_type") or "").strip()
        return said.splitlines()[0] if said else ""
    return ""
