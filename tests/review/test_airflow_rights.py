"""The plugin in a real api-server under either auth manager: who may what, by token, by cookie, by the UI's login."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from medsift.volume import Volume
from tests.review.made import Made, identity, publish

pytestmark = [pytest.mark.postgres, pytest.mark.stack]
ROOT = Path(__file__).parents[2]
USERS = {"vera": "viewer", "uli": "user", "otto": "op", "root": "admin"}
START_S = 120
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
(GRANT,) = re.findall(r"add-perms (.*) --action (\w+) --resource (\w+)", (ROOT / "docker" / "init.sh").read_text())
# As the commands `airflow users create` and `airflow roles add-perms` of docker/init.sh do, in one process.
FAB_USERS = f"""
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
with get_application_builder() as builder:
    manager = builder.sm
    for name, role in {USERS}.items():
        role = manager.find_role(role.capitalize())
        assert manager.add_user(name, name, "medsift", f"{{name}}@localhost", role, f"{{name}}-password")
    for role in {GRANT[0].split()}:
        manager.add_permission_to_role(manager.find_role(role), manager.create_permission{GRANT[1:]})
"""


@dataclass
class Server:
    address: str
    log: Path

    def get(self, path: str, token: str | None = None, **more) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(self.address + path, headers=headers, timeout=60, **more)

    def post(self, path: str, token: str | None = None, **more) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.post(self.address + path, headers=headers, timeout=60, **more)

    def token(self, name: str) -> str:
        body = {"username": name, "password": f"{name}-password"}
        return str(self.post("/auth/token", json=body).json()["access_token"])


def environment(manager: str, home: Path, port: int, volume: Path, database: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MEDSIFT"))}
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({name: f"{name}-password" for name in USERS}))
    chosen = {"AIRFLOW__CORE__AUTH_MANAGER": FAB} if manager == "fab" else {}
    return (
        kept
        | chosen
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "0" * 64,
            "MEDSIFT_VOLUME": str(volume),
            "MEDSIFT_DATABASE_URL": database,
        }
    )


@pytest.fixture(params=["simple", "fab"])
def server(request: pytest.FixtureRequest, store, database, tmp_path: Path) -> Iterator[Server]:
    """An api-server alone, over a database of its own in one file, with three pictures to review."""
    volume = Volume(tmp_path / "volume")
    volume.prepare()
    publish(store, volume, [Made(number, 0.6, cluster=number) for number in range(3)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "airflow"
    home.mkdir()
    variables = environment(request.param, home, port, volume.root, database.task)
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=variables, check=True, capture_output=True)
    if request.param == "fab":
        subprocess.run([sys.executable, "-c", FAB_USERS], env=variables, check=True, capture_output=True)
    log = tmp_path / "api-server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*airflow, "api-server"], env=variables, stdout=out, stderr=out, start_new_session=True
        )
    made = Server(f"http://127.0.0.1:{port}", log)
    try:
        deadline = time.monotonic() + START_S
        while not is_up(made):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield made
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def is_up(server: Server) -> bool:
    try:
        return server.get("/api/v2/version").ok
    except requests.RequestException:
        return False


def test_rights_are_those_of_airflow_and_its_login_opens_the_page(server: Server, store, browser: Browser) -> None:
    tokens = {name: server.token(name) for name in USERS}
    assert server.get("/medsift/api/v1/queue").status_code == 401
    assert server.get("/medsift/api/v1/queue", "forged").status_code == 403
    rights = {name: server.get("/medsift/api/v1/health", token).json()["right"] for name, token in tokens.items()}
    assert rights == {"vera": "read", "uli": "label", "otto": "label", "root": "administer"}

    label = {"labels": [{"sha256": identity(0), "label": "medical"}]}
    assert server.post("/medsift/api/v1/labels", tokens["vera"], json=label).status_code == 403
    assert server.post("/medsift/api/v1/models/rollback", tokens["uli"]).status_code == 403
    assert server.post("/medsift/api/v1/labels", tokens["uli"], json=label).status_code == 200
    assert store.newest_labels()[identity(0)].labelled_by == "uli"
    foreign = {"origin": "http://evil.example"}
    cookie = {"_token": tokens["uli"]}
    forged = requests.post(
        f"{server.address}/medsift/api/v1/labels", json=label, cookies=cookie, headers=foreign, timeout=60
    )
    assert forged.status_code == 403

    page = browser.new_page(viewport={"width": 1400, "height": 860})
    page.goto(f"{server.address}/auth/login")
    page.locator("input[name=username]").fill("uli")
    page.locator("input[type=password]").fill("uli-password")
    page.locator("input[type=password]").press("Enter")
    page.wait_for_url(lambda url: "/auth/" not in url, timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.goto(f"{server.address}/plugin/medsift")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".tile").first).to_be_visible(timeout=60_000)
    expect(frame.locator(".who")).to_have_text("uli")
    frame.locator(".tile").first.click()
    page.keyboard.press("n")
    expect(frame.locator("#status")).to_contain_text("non-medical")
    frame.locator("body[aria-busy=false]").wait_for()
    assert sorted(row.label for row in store.newest_labels().values()) == ["medical", "non-medical"]
    page.close()
