"""Addresses of the notification log, and of what a person is told."""

from django.urls import path

from alerting.views import notifications, preferences

app_name = "alerting"

urlpatterns = [
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/<str:ref>/", notifications.notification, name="notification"),
    path("notifications/<str:ref>/resending/", notifications.resending, name="notification-resending"),
    path("profile/notifications/", preferences.preferences, name="preferences"),
    path("profile/notifications/levels/", preferences.levels, name="preferences-levels"),
    path("profile/notifications/address/", preferences.address, name="preferences-address"),
    path("profile/notifications/address/proof/", preferences.proof, name="preferences-proof"),
    path("profile/notifications/address/ending/", preferences.ending, name="preferences-ending"),
]
