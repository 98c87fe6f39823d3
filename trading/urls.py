"""Where every address of the desk leads."""

from django.urls import URLPattern, URLResolver, include, path

from trading import csp, health, metrics, searching, system, views
from trading.bot import webhook
from trading.showroom import page
from users import admin

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.dashboard, name="dashboard"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("search/", searching.search, name="search"),
    path("csp-report/", csp.report, name="csp-report"),
    path("language/", views.language, name="language"),
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/serving", health.serving, name="health-serving"),
    path("health/ready", health.ready, name="health-ready"),
    path("system/", system.system, name="system"),
    path("components/", page.components, name="components"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/", include("trading.api")),
    path("telegram/webhook/", webhook.receive, name="telegram-webhook"),
    path("admin/", admin.site.urls),
    path("", include("settlement.urls")),  # before the people's: a new counterparty is no ref of one
    path("", include("users.urls")),
    path("", include("rfq.urls")),
    path("", include("alerting.urls")),
]

handler403 = "trading.views.forbidden"
handler404 = "trading.views.not_found"
handler500 = "trading.views.server_error"
