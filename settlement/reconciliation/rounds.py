"""
Jobs that compare chains and books all the time, in bounded steps, and stop payouts when they differ.

The chains every minute: what each says of its wallet, and some thousand blocks more of what left it. The books every
five minutes, check by check. What a step could not look at is written down, and stops nothing by itself.
"""

import logging

from django.db import OperationalError, connection, transaction
from procrastinate.contrib.django import app

from settlement import operations
from settlement.models import ChainReading, Entry, Journal, LedgerAccount, Wallet
from settlement.operations.reconciling import Outcome
from settlement.reconciliation import books, chain, papers
from settlement.reconciliation.chain import LOOKS, PAUSE_SECONDS
from settlement.reconciliation.differences import found_by
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Unreachable
from trading.lib import clock, jobs
from trading.lib.jobs import Later

log = logging.getLogger(__name__)
READS_AT_ONCE = 10
# A check that takes longer is not made then; `manage.py reconcile` waits for it.
STEP = "set transaction isolation level repeatable read, read only; set local statement_timeout = '60s'"


@app.periodic(cron="* * * * *")
@app.task(name="settlement.reconcile_chains", queue="money", lock="settlement.reconcile_chains")
def reconcile_chains(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: compare each wallet with its chain; one that differs is paused."""
    if operations.notice_home(now=clock.now()):
        log.error("this database is not where it was seen last: it was restored, and every wallet is paused")
    _round(look=1)


@app.task(name="settlement.reconcile_again", queue="money", lock="settlement.reconcile_chains")
def reconcile_again(look: int) -> None:
    """Look again at what differed: only what lasts is a difference."""
    _round(look=look)


def _round(*, look: int) -> None:
    found = look_at_chains()
    if found.differences and look < LOOKS:
        later = Later(seconds=PAUSE_SECONDS)
        jobs.defer("settlement.reconcile_again", look=look + 1, lock="settlement.reconcile_chains", later=later)
        return
    operations.record_reconciliation(outcome=found, now=clock.now())
    log.log(logging.ERROR if found.differences else logging.INFO, "chains were compared: %s", found)


@app.periodic(cron="*/5 * * * *")
@app.task(name="settlement.reconcile_books", queue="money", lock="settlement.reconcile_books")
def reconcile_books(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five minutes: compare the books with themselves and with what was agreed; a difference halts transfers."""
    found = compare_books()
    log.log(logging.ERROR if found.differences else logging.INFO, "books were compared: %s", found)


@app.periodic(cron="40 3 * * *")
@app.task(name="settlement.prune_reconciliations", queue="money", lock="settlement.prune_reconciliations")
def prune_reconciliations(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every night: of the rounds that are old and found everything in order, keep one a day."""
    gone = operations.prune_reconciliations(now=clock.now())
    log.info("%s rounds that found everything in order were removed", gone)


def guard_start() -> None:
    """
    Before a worker does anything: a database that came back from a backup, or wallets whose nonce it lags, are paused.

    A chain that does not answer is left to whoever pays: a wallet is looked at again before each payment.
    """
    operations.notice_home(now=clock.now())
    for wallet in Wallet.objects.filter(paused_at=None):
        try:
            used = port_of(wallet).nonce()
        except (Unreachable, NoPort) as error:
            log.warning("wallet %s could not be looked at before work: %s", wallet.name, error)
            continue
        operations.pause_if_behind(wallet_id=wallet.pk, used=used, now=clock.now())


def look_at_chains() -> Outcome:
    """Read on in every chain and compare every wallet once. Asks the chains: hold no transaction."""
    outcome = Outcome(begun_at=clock.now())
    for wallet in chain.all_wallets():
        unread = _read_on(wallet)
        compared = chain.compared(wallet)
        outcome.differences += compared.differences
        if compared.seen:
            outcome.wallets[wallet.name] = {**compared.seen, "is_read": not unread}
        if compared.unseen or unread:
            outcome.unseen.append(f"{wallet.name}: {compared.unseen or unread}")
    return outcome


def compare_books() -> Outcome:
    """Make every check of the books, each in a transaction of its own, and keep what was found."""
    outcome = Outcome(begun_at=clock.now(), counts=(0, 0, 0))
    for check, statement in (*books.CHECKS, *papers.CHECKS):
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                cursor.execute(STEP)
                outcome.differences += found_by([(check, statement)])
        except OperationalError as error:
            log.warning("the check %s could not be made: %s", check, error)
            outcome.unseen.append(f"books: the check {check} takes too long")
    outcome.counts = LedgerAccount.objects.count(), Journal.objects.count(), Entry.objects.count()
    operations.record_reconciliation(outcome=outcome, now=clock.now())
    return outcome


def _read_on(wallet: Wallet) -> str:
    """Read what left the wallet in blocks that are final by now, so many at once; why not all of it was read."""
    try:
        port = port_of(wallet)
        final = port.final_height()
        reading = ChainReading.objects.filter(wallet=wallet).first()
        last = reading.last if reading else final
        for _ in range(READS_AT_ONCE):
            until = min(last + port.blocks_at_once, final)
            found = port.outgoing(last + 1, until) if until > last else []
            operations.record_outflows(wallet_id=wallet.pk, found=found, until=max(until, last), now=clock.now())
            last = max(until, last)
            if last >= final:
                return ""
    except (NoPort, Unreachable) as error:
        return f"its chain was not read: {error}"
    else:
        return f"its chain is read up to block {last} of {final}"
