"""Addresses of the RFQs, the disputes about trades, the reference rates, the LPs, exposure and revenue."""

from django.urls import path

from rfq.views import disputes, exposure, history, phone, rates, rfqs, scorecards

app_name = "rfq"

urlpatterns = [
    path("rfqs/", rfqs.blotter, name="list"),
    path("rfqs/new/", phone.new_rfq, name="phone-rfq"),
    path("rfqs/export/", history.export, name="history-export"),
    path("rfqs/<str:ref>/", rfqs.rfq, name="detail"),
    path("rfqs/<str:ref>/quotes/new/", phone.new_quote, name="phone-quote"),
    path("disputes/", disputes.disputes, name="disputes"),
    path("disputes/<str:ref>/", disputes.dispute, name="dispute"),
    path("disputes/<str:ref>/assignment/", disputes.assignment, name="dispute-assignment"),
    path("disputes/<str:ref>/giving-back/", disputes.giving_back, name="dispute-giving-back"),
    path("disputes/<str:ref>/notes/", disputes.notes, name="dispute-notes"),
    path("disputes/<str:ref>/resolution/", disputes.resolution, name="dispute-resolution"),
    path("fills/<str:fill>/disputes/new/", disputes.new, name="dispute-new"),
    path("rates/", rates.rates, name="rates"),
    path("lps/", scorecards.lps, name="lps"),
    path("lps/<str:ref>/", scorecards.lp, name="lp"),
    path("exposure/", exposure.exposure, name="exposure"),
]
