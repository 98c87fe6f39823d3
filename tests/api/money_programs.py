"""Programs that ask about money, and what they say, for the tests of the calls."""

from typing import Any

from django.test import Client

from settlement.models import PayoutAddress
from tests import factories
from tests.api.parties import Program
from tests.factories import Market
from trading.lib import clock
from users import operations as user_operations
from users.models import User

CLIENT = ["balance.own", "deposit.own", "withdrawal.own", "destination.own"]
LP = ["balance.own", "destination.own"]
IBAN, OTHER_IBAN = "NL91ABNA0417164300", "DE89370400440532013000"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
NEW_ADDRESS = {"chain": "tron", "address": TRON, "label": "Cold store"}
NEW_ACCOUNT = {"currency": "EUR", "holder": "Cedar", "number": OTHER_IBAN, "bank": "Commerzbank", "label": "Euros"}
WHY = {"reason": "We keep no money there any more."}


class Person(Program):
    """Somebody's program with an access token of theirs."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.text = user_operations.issue_tokens(user=user, address=None, now=clock.now()).access
        self.client = Client(enforce_csrf_checks=True)


def money_market() -> Market:
    made = factories.market(eur="10000", usdt="10000")
    factories.account(None)
    factories.account(made.client, IBAN, label="Main")
    return made


def post(program: Program, path: str, body: object = None, key: str = "") -> Any:
    return program.post(path, body, key=key or factories.unique("money-key"))


def ask(tara: Program, amount: str = "4000", key: str = "", **more: str) -> Any:
    first = PayoutAddress.objects.filter(counterparty=tara.user.counterparty).earliest("pk")
    to = {"currency": "USDT", "destination": first.ref}
    return post(tara, "withdrawals", {"amount": amount, **to, **more}, key)


def announce(tara: Program, amount: str = "500.25", key: str = "", currency: str = "EUR") -> Any:
    return post(tara, "deposits", {"currency": currency, "amount": amount}, key)
