"""Addresses of the RFQs."""

from django.urls import path

from rfq import views

app_name = "rfq"

urlpatterns = [
    path("rfqs/", views.blotter, name="list"),
    path("rfqs/<str:ref>/", views.rfq, name="detail"),
]
