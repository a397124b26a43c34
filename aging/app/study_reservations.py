"""Reservations of a cluster, of whatever study: listed, and given back once their study is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aging.app.study import Connect, connect_to_ray
from aging.study.reservations import Holding, free, holdings


def reservations(address: str, connect: Connect = connect_to_ray) -> Sequence[Holding]:
    """Every reservation, with what its host says of the attempt. Raises AgingError where no cluster answers."""

    async def ask() -> Sequence[Holding]:
        fleet = await connect(address)
        try:
            return await holdings(fleet)
        finally:
            await fleet.close()

    return asyncio.run(ask())


def give_back_study(
    address: str, study: str, tell: Callable[[str], None], connect: Connect = connect_to_ray, *, drain: bool = False
) -> None:
    """Give back what a study holds that no process runs, ``study`` as NAME/START; :func:`aging.study.reservations.free`
    says what is refused."""

    async def go() -> None:
        fleet = await connect(address)
        try:
            await free(fleet, study, drain=drain, tell=tell)
        finally:
            await fleet.close()

    asyncio.run(go())
