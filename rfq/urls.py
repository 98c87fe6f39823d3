"""Addresses of the RFQs."""

from django.urls import path

from rfq.views import rfqs

app_name = "rfq"

urlpatterns = [
    path("rfqs/", rfqs.blotter, name="list"),
    path("rfqs/<str:ref>/", rfqs.rfq, name="detail"),
]
