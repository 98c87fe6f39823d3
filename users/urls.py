"""Addresses of the sign-in."""

from django.urls import path

from users import views

app_name = "users"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-in/otp/", views.one_time_code, name="otp"),
    path("sign-in/recovery/", views.recovery, name="recovery"),
    path("sign-in/enrol/", views.enrolment, name="enrolment"),
    path("sign-out/", views.sign_out, name="sign-out"),
]
