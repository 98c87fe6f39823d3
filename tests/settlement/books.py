"""Reading the ledger and what became of a settlement."""

from django.db.models import Sum

from settlement.models import Balance, Entry, Settlement
from users.models import AuditEvent


def books(*, layer: str = "P") -> dict[str, int]:
    """Every account that is not empty, summed over its entries, debit positive."""
    sums = Entry.objects.filter(layer=layer).values("account__code").annotate(total=Sum("amount")).order_by()
    return {row["account__code"]: int(row["total"]) for row in sums if row["total"]}


def assert_books_are_right() -> None:
    """Nothing is out of nothing: zero per asset and layer, nothing held, `fx` empty, the cache is the sum."""
    for layer in ("P", "H"):
        totals = Entry.objects.filter(layer=layer).values("asset").annotate(total=Sum("amount")).order_by()
        assert {row["total"] for row in totals} <= {0}
    assert books(layer="H") == {}
    assert not [code for code in books() if code.startswith("fx:")]
    for balance in Balance.objects.select_related("account"):
        sign = 1 if balance.account.normal == "D" else -1
        assert balance.posted == sign * books().get(balance.account.code, 0)
        assert balance.held == 0


def steps(settlement: Settlement) -> list[str]:
    return list(settlement.transitions.order_by("pk").values_list("to_status", flat=True))


def reason(settlement: Settlement) -> tuple[str, str]:
    settlement.refresh_from_db()
    return settlement.status, settlement.reason


def events(name: str) -> int:
    return AuditEvent.objects.filter(name=name).count()
