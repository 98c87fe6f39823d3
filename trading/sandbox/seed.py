"""
What an empty desk needs: currencies and pairs everywhere, and in the sandbox a whole small world.

Every step looks first whether it was done, so it can run any number of times, also after it was
interrupted. It writes through the same operations as everybody else.
"""

import os
from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from waffle.models import Switch

from rfq import operations as rfq_operations
from rfq.models import Pair, TradingTerms
from rfq.operations import NewTerms
from settlement import autosettle
from settlement import operations as settlement_operations
from settlement.models import Asset, Journal, PayoutAddress, Wallet
from trading.lib import clock
from trading.lib.money import USDT, Money
from trading.sandbox import people
from trading.sandbox.people import Part
from users import operations as user_operations
from users.models import Counterparty, Role, TelegramLink, TotpDevice, User
from users.operations import NewUser

type Say = Callable[[str], None]

FIATS = (("EUR", 2, 4), ("AED", 2, 4))  # code, decimals (ISO 4217), decimals of a price
CHAIN = "simulated"
WALLET = "simulated"
WALLET_ADDRESS = "sim1desk00000000000000000000000000000hot"
WALLET_FUNDS = Decimal(25_000_000)
CLIENT_FUNDS = Decimal(5_000_000)
TERMS = NewTerms(
    markup_bps=Decimal(15),
    minimum=Decimal(100),
    maximum=Decimal(500_000),
    daily_notional=Decimal(5_000_000),
)
ROLES = {"olga": Role.OPS, "amir": Role.APPROVER, "adele": Role.ADMIN, "audrey": Role.AUDITOR}
SECRETS = ("SANDBOX_PASSWORD", "SANDBOX_TOTP_KEY")
REASON = "Demo person of the sandbox, let in by the seed."


class MissingSecrets(Exception):
    """The environment does not say what the demo people sign in with."""


def seed(say: Say) -> None:
    """
    Bring the desk to the state it needs; says what it made.

    :raises MissingSecrets: a sandbox without the demo people's password and one-time code secret.
    """
    assets = _assets(say)
    settlement_operations.open_accounts(assets=assets, counterparties=[])
    _pairs(assets, say)
    if settings.IS_SANDBOX:
        missing = [name for name in SECRETS if not os.environ.get(name)]
        if missing:
            raise MissingSecrets(f"{' and '.join(missing)} must be set to seed a sandbox: `make run` does it.")
        _world(assets, say)


def _assets(say: Say) -> list[Asset]:
    wanted = [(USDT.code, Asset.Kind.TOKEN, USDT.scale), *((code, Asset.Kind.FIAT, scale) for code, scale, _ in FIATS)]
    assets = []
    for code, kind, scale in wanted:
        asset, is_new = Asset.objects.get_or_create(code=code, defaults={"kind": kind, "scale": scale})
        assets.append(asset)
        if is_new:
            say(f"asset {code} with {scale} decimals")
    return assets


def _pairs(assets: list[Asset], say: Say) -> None:
    by_code = {asset.code: asset for asset in assets}
    for code, _scale, price_scale in FIATS:
        if not Pair.objects.filter(quote_asset_id=code).exists():
            pair = rfq_operations.open_pair(
                quote_asset=by_code[code], price_scale=price_scale, actor=None, now=clock.now()
            )
            say(f"pair {pair.code}")


def _world(assets: list[Asset], say: Say) -> None:
    companies = {company.name: _company(company, say) for company in people.COMPANIES}
    settlement_operations.open_accounts(assets=assets, counterparties=list(companies.values()))
    for company in companies.values():
        if company.kind == Counterparty.Kind.CLIENT:
            _client(company, assets)
    _wallet(assets[0], say)
    for person in people.PEOPLE:
        if person.part != Part.REFUSED or person.counterparty:
            _person(person, companies.get(person.counterparty), say)
    _flag(say)


def _company(company: people.Company, say: Say) -> Counterparty:
    known = Counterparty.objects.filter(name=company.name).first()
    if known is not None:
        return known
    say(f"counterparty {company.name} ({company.kind})")
    return user_operations.create_counterparty(name=company.name, kind=company.kind, actor=None, now=clock.now())


def _client(client: Counterparty, assets: list[Asset]) -> None:
    now = clock.now()
    for pair in Pair.objects.all():
        if not TradingTerms.objects.filter(counterparty=client, pair=pair).exists():
            rfq_operations.set_terms(counterparty=client, pair=pair, terms=TERMS, actor=None, now=now)
    for asset in assets:
        reference = f"seed:{client.ref}:{asset.code}"
        if not Journal.objects.filter(key=f"deposit:{reference}").exists():
            money = Money(CLIENT_FUNDS, asset.unit)
            settlement_operations.book_deposit(
                counterparty=client, money=money, reference=reference, actor=None, now=now
            )
    if not PayoutAddress.objects.filter(counterparty=client).exists():
        address = f"sim1{client.ref[4:].lower():0>36}"
        settlement_operations.add_address(
            counterparty=client, chain=CHAIN, address=address, label="Main wallet", now=now
        )


def _wallet(usdt: Asset, say: Say) -> None:
    now = clock.now()
    wallet = Wallet.objects.select_related("account").filter(name=WALLET).first()
    if wallet is None:
        wallet = settlement_operations.open_wallet(
            name=WALLET, chain=CHAIN, address=WALLET_ADDRESS, asset=usdt, now=now
        )
        say(f"wallet {WALLET} on the simulated chain")
    if not Journal.objects.filter(key="funding:seed").exists():
        settlement_operations.fund_wallet(
            wallet=wallet, money=Money(WALLET_FUNDS, USDT), reference="seed", actor=None, now=now
        )


def _person(person: people.Person, company: Counterparty | None, say: Say) -> None:
    user = User.objects.filter(username=person.username).first()
    if user is None:
        user = _new_user(person, company)
        say(f"user {person.username}")
    role = ROLES.get(person.username) or (Role.LP if person.part == Part.LP else Role.TRADER)
    if not user.role_grants.filter(role=role).exists():
        user_operations.grant_role(user=user, role=role, actor=None, now=clock.now())
    if user.status == User.Status.PENDING:
        user_operations.activate_user(user=user, actor=None, reason=REASON, now=clock.now())
    if person.telegram_id and not TelegramLink.objects.filter(user=user).exists():
        user_operations.link_telegram(user=user, telegram_id=person.telegram_id, now=clock.now())
    if person.part == Part.CONSOLE and not TotpDevice.objects.filter(user=user).exists():
        key = bytes.fromhex(os.environ["SANDBOX_TOTP_KEY"])
        user_operations.enrol_demo_device(user=user, key=key, now=clock.now())
    if person.part == Part.REFUSED and user.status == User.Status.ACTIVE:
        user_operations.suspend_user(user=user, actor=None, reason="Demo of a suspended user.", now=clock.now())


def _new_user(person: people.Person, company: Counterparty | None) -> User:
    new = NewUser(
        username=person.username,
        full_name=person.first_name,
        counterparty=company,
        language=person.language,
        password=os.environ["SANDBOX_PASSWORD"] if person.part == Part.CONSOLE else "",
    )
    return user_operations.create_user(new=new, actor=None, now=clock.now())


def _flag(say: Say) -> None:
    if not Switch.objects.filter(name=autosettle.FLAG).exists():
        settlement_operations.turn_flag_on(reason="The sandbox settles by itself from the start.", now=clock.now())
        say(f"flag {autosettle.FLAG} turned ON: this is a sandbox, its settlements pay by themselves")
