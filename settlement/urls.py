"""Addresses of the settlements and the flag."""

from django.urls import path

from settlement.views import flags, settlements

app_name = "settlement"

urlpatterns = [
    path("settlements/", settlements.settlements, name="list"),
    path("settlements/<str:ref>/", settlements.settlement, name="detail"),
    path("flags/", flags.flags, name="flags"),
    path("flags/<str:name>/off/", flags.flag_off, name="flag-off"),
    path("flags/<str:name>/proposals/", flags.flag_proposal, name="flag-proposal"),
]
