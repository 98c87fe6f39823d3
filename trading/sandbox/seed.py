"""
What an empty desk needs: currencies and pairs everywhere, and in the sandbox a whole small world.

Every step looks first whether it was done, so it can run any number of times, also after it was
interrupted. It writes through the same operations as everybody else.
"""

import hashlib
import os
from collections.abc import Callable
from decimal import Decimal

from django.conf import settings
from waffle.models import Switch

from rfq import operations as rfq_operations
from rfq.models import Pair, TradingTerms
from settlement import addresses, autosettle, chains
from settlement import operations as settlement_operations
from settlement.models import Asset, BankAccount, Journal, PayoutAddress, Wallet
from settlement.wallets import simulated
from trading.lib import clock
from trading.lib.ids import new_ref
from trading.lib.money import USDT, Money
from trading.sandbox import chain as local_chain
from trading.sandbox import mining, people
from trading.sandbox.people import Part
from users import operations as user_operations
from users.models import ApprovalRequest, Counterparty, Role, RoleGrant, TelegramLink, TotpDevice, User
from users.operations import NewUser, Proposal
from users.queries import onboarding

type Say = Callable[[str], None]

FIATS = (("EUR", 2, 4), ("AED", 2, 4))  # code, decimals (ISO 4217), decimals of a price
CHAIN = "simulated"
WALLET = "simulated"
WALLET_ADDRESS = "sim1desk00000000000000000000000000000hot"
WALLET_FUNDS = Decimal(25_000_000)
CLIENT_FUNDS = Decimal(5_000_000)
TERMS = {"markup_bps": "15", "minimum": "100", "maximum": "500000", "daily_notional": "5000000"}
FIRST_TWO = ("amir", "bella")
ROLES = {"olga": Role.OPS, "amir": Role.APPROVER, "bella": Role.APPROVER, "adele": Role.ADMIN, "audrey": Role.AUDITOR}
SECRETS = ("SANDBOX_PASSWORD", "SANDBOX_TOTP_KEY")
REASON = "Demo person of the sandbox, let in by the seed."
TRADES = "Demo client of the sandbox, with the usual terms."
ACCOUNTS = "Demo account of the sandbox: no bank knows it."
CHECKED = "Demo data of the sandbox: nothing was looked at, by nobody."


class SeedFailed(Exception):
    """A proposal of the seed did not come to its effect; says which and why."""


class MissingSecrets(Exception):
    """The environment does not say what the demo people sign in with."""


def seed(say: Say) -> None:
    """
    Bring the desk to the state it needs; says what it made.

    :raises MissingSecrets: a sandbox without the demo people's password and one-time code secret.
    """
    if made := user_operations.lay_down_policies(now=clock.now()):
        say(f"{made} approval policies")
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
    """The first pairs, while nobody is there who could decide; later ones are proposed (`pair.open`)."""
    if User.objects.exclude(status=User.Status.PENDING).exists():
        return
    by_code = {asset.code: asset for asset in assets}
    for code, _scale, price_scale in FIATS:
        if not Pair.objects.filter(quote_asset_id=code).exists():
            pair = rfq_operations.open_pair(quote_asset=by_code[code], price_scale=price_scale, now=clock.now())
            say(f"pair {pair.code}")


def _world(assets: list[Asset], say: Say) -> None:
    companies = {company.name: _company(company, say) for company in people.COMPANIES}
    settlement_operations.open_accounts(assets=assets, counterparties=list(companies.values()))
    for company in companies.values():
        if company.kind == Counterparty.Kind.CLIENT:
            _client(company, assets)
    _wallet(assets[0], say)
    _first_two(say)
    for company in companies.values():
        check(company)
        if company.kind == Counterparty.Kind.CLIENT:
            _terms(company)
    for person in people.PEOPLE:
        if person.part != Part.REFUSED or person.counterparty:
            _person(person, companies.get(person.counterparty), say)
    _narrow_roles()
    _accounts(list(companies.values()), assets, say)
    _flag(say)


def _company(company: people.Company, say: Say) -> Counterparty:
    known = Counterparty.objects.filter(name=company.name).first()
    if known is not None:
        return known
    say(f"counterparty {company.name} ({company.kind})")
    return user_operations.create_counterparty(name=company.name, kind=company.kind, actor=None, now=clock.now())


def _client(client: Counterparty, assets: list[Asset]) -> None:
    now = clock.now()
    for asset in assets:
        reference = f"seed:{client.ref}:{asset.code}"
        if not Journal.objects.filter(key=f"deposit:{reference}").exists():
            money = Money(CLIENT_FUNDS, asset.unit)
            settlement_operations.book_deposit(
                counterparty=client, money=money, reference=reference, actor=None, now=now
            )
    if not PayoutAddress.objects.filter(counterparty=client).exists():
        chain, address = CHAIN, f"sim1{client.ref[4:].lower():0>36}"
        if local_chain.NAME in chains.configured():
            digest = hashlib.sha256(client.ref.encode()).hexdigest()
            chain, address = local_chain.NAME, addresses.eip55("0x" + digest[:40])
        settlement_operations.add_address(
            counterparty=client, chain=chain, address=address, label="Main wallet", now=now
        )


def _accounts(companies: list[Counterparty], assets: list[Asset], say: Say) -> None:
    """The desk's own bank account for each currency, and one in euros for each client."""
    clients = [company for company in companies if company.kind == Counterparty.Kind.CLIENT]
    wanted: list[tuple[Counterparty | None, str]] = [
        *((None, asset.code) for asset in assets if asset.kind == Asset.Kind.FIAT),
        *((client, "EUR") for client in clients),
    ]
    for number, (party, currency) in enumerate(wanted):
        if BankAccount.objects.filter(counterparty=party, currency=currency).exists():
            continue
        new = settlement_operations.NewBankAccount(
            currency=currency,
            holder=party.name if party else "OTC desk (sandbox)",
            number=f"DEMO-{currency}-{number:04}",
            is_iban=False,
            bank="Sandbox Bank",
            label="Main account",
            party=party.ref if party else "desk",
        )
        asked = settlement_operations.ask_bank_account(new=new, actor=_holder([Role.OPS]), now=clock.now())
        details: dict[str, object] = {"currency": currency, "number": asked.number}
        carry("bank_account.add", asked.ref, details, ACCOUNTS)
        say(f"bank account {asked.number} of {party or 'the desk'}")


def _terms(client: Counterparty) -> None:
    for pair in Pair.objects.order_by("pk"):
        if not TradingTerms.objects.filter(counterparty=client, pair=pair).exists():
            carry("terms.change", client.ref, {"pair": pair.code, **TERMS}, TRADES)


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
    if local_chain.NAME in chains.configured():
        _wallet_on_node(usdt, say)
    simulated.mint(address=wallet.address, amount_minor=Money(WALLET_FUNDS, USDT).minor, reference="seed", now=now)


def _wallet_on_node(usdt: Asset, say: Say) -> None:
    """A wallet with a key of its own; the node's program sees that it is on the chain as it is in the books."""
    from settlement.wallets.keys import KeyFiles, make_key  # noqa: PLC0415 - a second: only where there is a node

    now, files = clock.now(), KeyFiles.of(mining.WALLET)
    wallet = Wallet.objects.select_related("account").filter(name=mining.WALLET).first()
    if wallet is None:
        address = files.address() if files.keystore.exists() else make_key(files)
        wallet = settlement_operations.open_wallet(
            name=mining.WALLET, chain=local_chain.NAME, address=address, asset=usdt, now=now
        )
        say(f"wallet {mining.WALLET} on the local EVM node")
    if not Journal.objects.filter(key="funding:seed-evm").exists():
        settlement_operations.fund_wallet(
            wallet=wallet, money=Money(WALLET_FUNDS, USDT), reference="seed-evm", actor=None, now=now
        )


def _person(person: people.Person, company: Counterparty | None, say: Say) -> None:
    user = User.objects.filter(username=person.username).first()
    if user is None:
        user = _new_user(person, company)
        say(f"user {person.username}")
    if user.status == User.Status.PENDING:
        check(user)
        _let_in(user, _role(person))
    if person.telegram_id and not TelegramLink.objects.filter(user=user).exists():
        user_operations.link_telegram(user=user, telegram_id=person.telegram_id, now=clock.now())
    _device(person, user)
    user.refresh_from_db()
    if person.part == Part.REFUSED and user.status == User.Status.ACTIVE:
        user_operations.suspend_user(user=user, actor=None, reason="Demo of a suspended user.", now=clock.now())


def _role(person: people.Person) -> Role:
    return ROLES.get(person.username) or (Role.LP if person.part == Part.LP else Role.TRADER)


def _device(person: people.Person, user: User) -> None:
    if person.part == Part.CONSOLE and not TotpDevice.objects.filter(user=user).exists():
        key = bytes.fromhex(os.environ["SANDBOX_TOTP_KEY"])
        user_operations.enrol_demo_device(user=user, key=key, now=clock.now())


def _first_two(say: Say) -> None:
    """Let the first two approvers in on each other's word, while nobody else is there."""
    if User.objects.filter(status=User.Status.ACTIVE).exists():
        return
    pair = []
    for username in FIRST_TWO:
        person = people.by_username(username)
        user = User.objects.filter(username=username).first() or _new_user(person, None)
        _device(person, user)
        pair.append(user)
    first, second = pair
    user_operations.bootstrap(first=first, second=second, reason=REASON, now=clock.now())
    say(f"users {first.username} and {second.username}: the first two approvers, each let in on the other's word")


def _narrow_roles() -> None:
    """The first two keep only approving as soon as others propose."""
    for role in (Role.OPS, Role.ADMIN):
        grants = RoleGrant.objects.filter(role=role, revoked_at=None, user__status=User.Status.ACTIVE)
        if not grants.exclude(user__username__in=FIRST_TWO).exists():
            continue
        for grant in grants.filter(user__username__in=FIRST_TWO).select_related("user"):
            reason = "Proposing belongs to others now."
            user_operations.revoke_role(user=grant.user, role=role, actor=None, reason=reason, now=clock.now())


def check(subject: User | Counterparty) -> None:
    """Demo people's papers are in order."""
    standing = onboarding.of_counterparty(subject) if isinstance(subject, Counterparty) else onboarding.of_user(subject)
    looks = [user_operations.Look(one.kind, "passed", CHECKED) for one in standing if not one.is_passed]
    if looks:
        actor = _holder([Role.OPS])
        user_operations.record_checks(subject=subject, looks=looks, actor=actor, now=clock.now())


def _let_in(user: User, role: Role) -> None:
    carry("user.approve", user.ref, {"roles": [role]}, REASON)


def carry(act: str, subject_ref: str, payload: dict[str, object], reason: str) -> None:
    """Propose an act as one demo person and decide it as another."""
    policy = user_operations.current_policy(act)
    proposer = _holder(policy.proposer_roles)
    decider = next(one for one in user_operations.eligible(policy, proposer=proposer, subject=None))
    proposal = Proposal(act, subject_ref, reason, key=f"seed:{new_ref('KEY')}", payload=payload, nominee=decider)
    request = user_operations.propose(proposal=proposal, actor=proposer, now=clock.now())
    done = decide(request, "approve", reason, by=decider)
    if done.status != ApprovalRequest.Status.EXECUTED:
        raise SeedFailed(f"{act} of {subject_ref} is {done.status}: {done.outcome}")


def decide(request: ApprovalRequest, verdict: str, reason: str, *, by: User) -> ApprovalRequest:
    """A demo person's verdict, with the proof that only a sandbox gives."""
    digest = bytes(request.digest)
    proof = user_operations.step_up_in_sandbox(user=by, digest=digest, now=clock.now())
    return user_operations.decide(
        request_ref=request.ref,
        verdict=verdict,
        reason=reason,
        digest=digest,
        actor=by,
        proof=proof,
        now=clock.now(),
    )


def _holder(roles: list[str]) -> User:
    grants = RoleGrant.objects.filter(role__in=roles, revoked_at=None, user__status=User.Status.ACTIVE)
    return grants.select_related("user").order_by("user__username")[0].user


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
        carry("flag.on", autosettle.FLAG, {}, "The sandbox settles by itself from the start.")
        say(f"flag {autosettle.FLAG} turned ON: this is a sandbox, its settlements pay by themselves")
