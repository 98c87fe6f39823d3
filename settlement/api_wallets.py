"""REST on hot wallets: the chain beside the books, stopping one at once, and proposing that it goes on."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema
from ninja.responses import Status

from settlement import on_chain, operations
from trading.lib import clock
from users import capabilities
from users.api import READ, WRITE, Body, Key, Reason, Refusal, RequestOut, Short, actor, propose

router = Router(tags=["desk"])
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]


class Pausing(Body):
    """Why."""

    reason: Reason


class Resuming(Body):
    """The nonce it signs with next, why it may go on, and who is asked to decide that."""

    next_nonce: int
    reason: Reason
    secondary_approver: Short


class WalletOut(Schema):
    """
    A hot wallet in the books beside its chain.

    What the chain has is as it was when it was compared last (`compared_at`); null when it never was.
    """

    name: str
    chain: str
    address: str
    balance: str
    balance_on_chain: str | None
    next_nonce: int
    nonce_on_chain: int | None
    in_flight: int
    paused_at: datetime | None
    pause_reason: str
    compared_at: datetime | None
    differences: list[str]


class WalletsOut(Schema):
    """All of them, by name."""

    items: list[WalletOut]


@router.get("/wallets", response={200: WalletsOut, **READ}, summary="The hot wallets beside their chains")
def list_wallets(request: HttpRequest) -> WalletsOut:
    """Nothing is asked of a chain by this: it shows what the last reconciliation saw."""
    capabilities.require(actor(request), "money.view")
    return WalletsOut(items=[_out(row) for row in on_chain.wallets()])


@router.post(
    "/wallets/{name}/pause",
    response={200: WalletOut, **WRITE, 404: Refusal, 409: Refusal},
    summary="Stop a wallet at once",
)
def pause(request: HttpRequest, name: Name, body: Pausing) -> WalletOut:
    """It signs nothing any more; what is signed is followed to its end. Two people let it go on."""
    operations.pause_wallet_by_hand(name=name, actor=actor(request), reason=body.reason, now=clock.now())
    return _out(on_chain.wallet(name))


@router.post(
    "/wallets/{name}/resumption", response={202: RequestOut, **WRITE}, summary="Propose that a paused wallet goes on"
)
def resume(request: HttpRequest, name: Name, body: Resuming, key: Key) -> Status[RequestOut]:
    """Nothing happens until a second person decides. Refused while the last reconciliation found a difference."""
    return propose(request, "wallet.resume", name, body=body, key=key, payload={"next_nonce": body.next_nonce})


def _out(row: on_chain.Row) -> WalletOut:
    wallet = row.wallet
    return WalletOut(
        name=wallet.name,
        chain=wallet.chain,
        address=wallet.address,
        balance=f"{row.in_books.amount:f}",
        balance_on_chain=f"{row.on_chain.amount:f}" if row.on_chain else None,
        next_nonce=wallet.next_nonce,
        nonce_on_chain=row.seen.get("nonce"),
        in_flight=row.in_flight,
        paused_at=wallet.paused_at,
        pause_reason=row.why,
        compared_at=row.compared_at,
        differences=[f"{one['check']}: {one['what']}" for one in row.differences],
    )
