"""Addresses of the settlements and the flag."""

from django.urls import path

from settlement.views import (
    flags,
    ledger,
    ledger_exports,
    lp_payments,
    money_lists,
    money_pages,
    parties,
    settlements,
    wallets,
)

app_name = "settlement"

urlpatterns = [
    path("settlements/", settlements.settlements, name="list"),
    path("settlements/<str:ref>/", settlements.settlement, name="detail"),
    path("counterparties/new/", parties.new, name="party-new"),
    path("deposits/", money_lists.deposits, name="deposits"),
    path("deposits/new/", money_lists.new_deposit, name="deposit-new"),
    path("withdrawals/", money_lists.withdrawals, name="withdrawals"),
    path("destinations/", money_lists.destinations, name="destinations"),
    path("destinations/addresses/new/", money_lists.new_address, name="address-new"),
    path("destinations/accounts/new/", money_lists.new_account, name="account-new"),
    path("lp-positions/", lp_payments.positions, name="lp_positions"),
    path("lp-positions/<str:ref>/<str:currency>/<str:direction>/", lp_payments.netting, name="lp-netting"),
    path("wallets/", wallets.wallets, name="wallets"),
    path("transfers/", wallets.transfers, name="transfers"),
    path("transfers/<str:ref>/", wallets.transfer, name="transfer"),
    path("money/<str:ref>/", money_pages.detail, name="money-detail"),
    path("money/<str:ref>/proposals/<str:act>/", money_pages.proposal, name="money-proposal"),
    path("money/<str:ref>/steps/<str:name>/", money_pages.step, name="money-step"),
    path("ledger/", ledger.accounts, name="ledger"),
    path("ledger/accounts/<str:code>/", ledger.account, name="account"),
    path("ledger/accounts/<str:code>/export/", ledger_exports.account, name="account-export"),
    path("ledger/journals/", ledger.journals, name="journals"),
    path("ledger/journals/<path:key>/", ledger.journal, name="journal"),
    path("ledger/trial-balance/", ledger.balance, name="trial-balance"),
    path("ledger/trial-balance/export/", ledger_exports.balance, name="trial-balance-export"),
    path("flags/", flags.flags, name="flags"),
    path("flags/<str:name>/off/", flags.flag_off, name="flag-off"),
    path("flags/<str:name>/proposals/", flags.flag_proposal, name="flag-proposal"),
]
