"""The Review page and REST API in Airflow's UI at /medsift/: hands the app Airflow's login, rights, runs and assets."""

import asyncio
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from medsift.review import User

PREFIX, DAG, LABELS = "/medsift", "medsift_sort", "medsift_labels"
EVERY_ADDRESS = (str(IPv4Address(0)), str(IPv6Address(0)))  # what a server listens on, and nobody can call


async def identity(request: "Request") -> "User":
    """Whoever is logged in to Airflow; who may trigger the DAG may label, administrators may promote."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.api_fastapi.core_api.security import COOKIE_NAME_JWT_TOKEN, bearer_scheme, get_user
    from fastapi import HTTPException

    from medsift.review import Right, User

    given = await bearer_scheme(request)
    person = await get_user(request, None, given)
    manager, dag = get_auth_manager(), DagDetails(id=DAG)
    right = None
    if manager.is_authorized_dag(method="GET", details=dag, user=person):
        right = Right.READ
    if right and manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, details=dag, user=person):
        right = Right.LABEL
    role = getattr(person, "role", None)  # of the simple manager, which has no right that is an administrator's alone
    may_edit_roles = {"method": "PUT", "resource_name": "Roles", "user": person}
    is_admin = role.upper() == "ADMIN" if role else manager.is_authorized_custom_view(**may_edit_roles)
    if right == Right.LABEL and is_admin:
        right = Right.ADMINISTER
    if right is None:
        raise HTTPException(403, f"{person.get_name()} may not see {DAG}. Ask an administrator of Airflow for it.")
    token = given.credentials if given else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    return User(person.get_name(), right, token)


def tell_of_labels(user: "User", count: int) -> None:
    """New labels: the asset that medsift_refit waits for."""
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.name == LABELS))
        if asset is not None:
            extra = {"labels": count, "by": user.name}
            asset_manager.register_asset_change(asset=asset, extra=extra, session=session)


def make_app() -> "FastAPI":
    """The app over the database and volume of the settings."""
    from airflow.configuration import conf

    from medsift.review import create_app
    from medsift.settings import Settings
    from medsift.store import Store
    from medsift.topology.airflow_runs import AirflowRuns

    settings, shown = Settings.load(), conf.get("api", "base_url", fallback="").rstrip("/")
    host, port = conf.get("api", "host"), conf.get("api", "port")
    address = f"http://{'127.0.0.1' if host in EVERY_ADDRESS else host}:{port}"
    return create_app(
        Store.open(settings.database_url), AirflowRuns(address, shown), identity, tell_of_labels, settings
    )


class AtFirstRequest:
    """Makes the app when it is asked for: plugins are imported by every task, and the database may come up later."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, or say in one sentence why that cannot be."""
        from starlette.responses import PlainTextResponse

        from medsift.errors import MedsiftError

        try:
            self.app = self.app or await asyncio.to_thread(make_app)
        except MedsiftError as error:
            await PlainTextResponse(f"{error}\n", 503)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class MedsiftReviewPlugin(AirflowPlugin):
    """Serves the app, and shows it in the side bar."""

    name = "medsift_review"
    fastapi_apps = [{"app": AtFirstRequest(), "url_prefix": PREFIX, "name": "medsift"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "medsift", "href": f"{PREFIX}/review", "destination": "nav", "url_route": "medsift"}
    ]
