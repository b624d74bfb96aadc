"""Who asks, and what they may: the app knows no login of its own, it is handed one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException


class Right(IntEnum):
    """What a person may do; each may also do what comes before it."""

    READ = 1
    LABEL = 2
    ADMINISTER = 3


@dataclass(frozen=True)
class User:
    """A person who is logged in; `token` is what the person's own login is known by where runs are started."""

    name: str
    right: Right
    token: str = ""

    @property
    def may_label(self) -> bool:
        """Whether this person may label and submit."""
        return self.right >= Right.LABEL

    @property
    def may_administer(self) -> bool:
        """Whether this person may put model sets into use."""
        return self.right >= Right.ADMINISTER


Identity = Callable[[Request], Awaitable[User]]  # raises HTTPException 401 for nobody, 403 for a stranger

NEEDED = {Right.LABEL: "label or submit", Right.ADMINISTER: "put model sets into use"}


async def reader(request: Request) -> User:
    """Whoever is logged in and may read."""
    user: User = await request.app.state.identity(request)
    return user


async def labeller(user: Annotated[User, Depends(reader)]) -> User:
    """Whoever may label and submit."""
    return _with(Right.LABEL, user)


async def admin(user: Annotated[User, Depends(reader)]) -> User:
    """Whoever may put model sets into use."""
    return _with(Right.ADMINISTER, user)


def _with(right: Right, user: User) -> User:
    if user.right < right:
        raise HTTPException(403, f"{user.name} may not {NEEDED[right]} here. Ask an administrator of Airflow for it.")
    return user


Reader = Annotated[User, Depends(reader)]
Labeller = Annotated[User, Depends(labeller)]
Admin = Annotated[User, Depends(admin)]
