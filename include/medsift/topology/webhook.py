"""Tells an address of the administrator's that a run failed."""

import logging
from collections.abc import Mapping
from typing import Any

import requests

from medsift.settings import Settings

log = logging.getLogger(__name__)
TIMEOUT_S = 10.0


def post_failure(settings: Settings, failure: Mapping[str, Any]) -> None:
    """POST a failure as JSON to `webhook_url`, if there is one; one try, and a line in the log if it is in vain.

    `text` is what chat systems show. The address is a secret and a setting, not something a source named, so it is
    neither written to the log nor held to public addresses.
    """
    if not settings.webhook_url:
        return
    text = f"medsift: {failure['dag']}, task {failure['task']} failed. {failure['reason']}"
    body = {"text": text, "event": "task_failed", **failure}
    try:
        answer = requests.post(settings.webhook_url, json=body, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        log.error("the webhook was not told (%s)", type(error).__name__)
        return
    log.info("the webhook was told and answered %d", answer.status_code)
