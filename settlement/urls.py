"""Addresses of the settlements."""

from django.urls import path

from settlement import views

app_name = "settlement"

urlpatterns = [
    path("settlements/", views.settlements, name="list"),
    path("settlements/<str:ref>/", views.settlement, name="detail"),
]
