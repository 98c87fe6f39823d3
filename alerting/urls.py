"""Addresses of alerts, rules, silences, the notification log, and of what a person is told."""

from django.urls import path

from alerting.views import alerts, notifications, preferences, rules

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
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/rules/", rules.rules, name="rules"),
    path("alerts/rules/<str:kind>/", rules.rule, name="rule"),
    path("alerts/rules/<str:kind>/proposals/", rules.proposal, name="rule-proposal"),
    path("alerts/rules/<str:kind>/silence/", rules.silence, name="rule-silence"),
    path("alerts/silences/", alerts.silences, name="silences"),
    path("alerts/silences/<str:ref>/ending/", alerts.silence_ending, name="silence-ending"),
    path("alerts/<str:ref>/", alerts.alert, name="alert"),
    path("alerts/<str:ref>/acknowledgement/", alerts.acknowledgement, name="acknowledgement"),
    path("alerts/<str:ref>/silence/", alerts.alert_silence, name="alert-silence"),
]
