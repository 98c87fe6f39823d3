"""Addresses of the market: RFQs, disputes, reference rates, LPs, exposure and revenue, pairs, terms."""

from django.urls import path

from rfq.views import disputes, exposure, history, market, phone, rates, receipts, rfqs, scorecards, terms

app_name = "rfq"

urlpatterns = [
    path("rfqs/", rfqs.blotter, name="list"),
    path("rfqs/new/", phone.new_rfq, name="phone-rfq"),
    path("rfqs/export/", history.export, name="history-export"),
    path("rfqs/<str:ref>/", rfqs.rfq, name="detail"),
    path("rfqs/<str:ref>/quotes/new/", phone.new_quote, name="phone-quote"),
    path("disputes/", disputes.disputes, name="disputes"),
    path("disputes/<str:ref>/", disputes.dispute, name="dispute"),
    path("disputes/<str:ref>/files/<int:number>/", disputes.attachment, name="dispute-file"),
    path("disputes/<str:ref>/assignment/", disputes.assignment, name="dispute-assignment"),
    path("disputes/<str:ref>/giving-back/", disputes.giving_back, name="dispute-giving-back"),
    path("disputes/<str:ref>/notes/", disputes.notes, name="dispute-notes"),
    path("disputes/<str:ref>/resolution/", disputes.resolution, name="dispute-resolution"),
    path("fills/<str:fill>/disputes/new/", disputes.new, name="dispute-new"),
    path("fills/<str:fill>/receipt/", receipts.download, name="receipt"),
    path("receipts/", receipts.check, name="receipts"),
    path("receipts/keys", receipts.keys, name="receipt-keys"),
    path("rates/", rates.rates, name="rates"),
    path("lps/", scorecards.lps, name="lps"),
    path("lps/<str:ref>/", scorecards.lp, name="lp"),
    path("exposure/", exposure.exposure, name="exposure"),
    path("market/", market.market, name="market"),
    path("market/pause/", market.pause, name="market-pause"),
    path("market/resumption/", market.resumption, name="market-resumption"),
    path("pairs/new/", market.new_pair, name="pair-new"),
    path("pairs/<str:currency>/", market.pair, name="pair"),
    path("pairs/<str:currency>/pause/", market.pair_pause, name="pair-pause"),
    path("pairs/<str:currency>/proposals/<str:act>/", market.pair_proposal, name="pair-proposal"),
    path("counterparties/<str:ref>/terms/", terms.terms, name="terms"),
    path("counterparties/<str:ref>/terms/stop/", terms.stop, name="terms-stop"),
    path("counterparties/<str:ref>/terms/proposals/<str:act>/", terms.proposal, name="terms-proposal"),
]
