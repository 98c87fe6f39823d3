"""The one settings file. Everything that differs between machines comes from the environment."""

from typing import Any
from urllib.parse import urlsplit

from django.utils.csp import CSP

from trading import env
from trading.env import BASE_DIR
from trading.lib import trail
from trading.sandbox.rates import sandbox_sources

DESK_ENV = env.choice("DESK_ENV", {env.PRODUCTION, env.SANDBOX}, env.PRODUCTION)
IS_SANDBOX = DESK_ENV == env.SANDBOX
DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY")
FIELD_ENCRYPTION_KEYS = env.fernet_keys("FIELD_ENCRYPTION_KEYS")
JWT_SECRET = env.secret("JWT_SECRET")
API_KEY_PEPPER = env.secret("API_KEY_PEPPER")
RECEIPT_SIGNING_KEY = env.signing_key("RECEIPT_SIGNING_KEY")
RECEIPT_OLD_KEYS = env.public_keys("RECEIPT_OLD_KEYS")  # public ones that signed before
DESK_URL = env.text("DESK_URL", "http://localhost:9090").rstrip("/")
VERSION = env.text("DESK_VERSION", "0.1.0")
REVISION = env.text("DESK_REVISION", "unknown")

INSTALLED_APPS = [
    "users",
    "settlement",
    "rfq",
    "alerting",
    "trading",
    "django.contrib.admin.apps.SimpleAdminConfig",  # read-only: users.admin.site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp_webauthn",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "procrastinate.contrib.django",
    "waffle",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # pads answers by chance, so that lengths betray no secret
    "trading.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "trading.middleware.UserPreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "trading.middleware.ScriptedFormMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "trading.middleware.DeskErrorMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "trading.urls"
WSGI_APPLICATION = "trading.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "trading.context.console",
            ],
        },
    },
]

# --- database -------------------------------------------------------------------------------
# No statement of the runtime role may wait for ever: a lock for 5 s, a statement for 20 s. Nor may either side wait
# for a machine that is cut off: what its session holds (locks, the bot's lead) is free after DATABASE_SILENCE_SECONDS.

DATABASE_SILENCE_SECONDS = env.silence("DATABASE_SILENCE_SECONDS", 15)
_idle, _interval = env.probes(DATABASE_SILENCE_SECONDS)
RUNTIME_OPTIONS = (
    "-c statement_timeout=20s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s"
    f" -c tcp_keepalives_idle={_idle} -c tcp_keepalives_interval={_interval} -c tcp_keepalives_count={env.PROBES}"
    f" -c tcp_user_timeout={DATABASE_SILENCE_SECONDS}s"
)
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("DATABASE_URL", options=RUNTIME_OPTIONS, silence=DATABASE_SILENCE_SECONDS)
}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if env.text("DATABASE_OWNER_URL"):
    DATABASES["owner"] = env.database(
        "DATABASE_OWNER_URL", options="-c lock_timeout=10s", silence=DATABASE_SILENCE_SECONDS
    )
    DATABASES["default"]["TEST"] = {"MIRROR": "owner"}
DATABASE_ROUTERS = ["trading.database.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.backends.PasswordBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "users.passwords.OwnWordsValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
OTP_TOTP_ISSUER = "USDT desk"
PASSKEY_ROLES = env.words("PASSKEY_ROLES")  # the first policy; then `second_factor.change`

# Passkeys belong to a name: https, or localhost. At a bare address there are none.
PASSKEY_HOST = urlsplit(DESK_URL).hostname or "localhost"
PASSKEY_ORIGIN = DESK_URL if DESK_URL.startswith(("https://", "http://localhost")) else "https://" + PASSKEY_HOST
OTP_WEBAUTHN_RP_ID = PASSKEY_HOST
OTP_WEBAUTHN_RP_NAME = OTP_TOTP_ISSUER
OTP_WEBAUTHN_ALLOWED_ORIGINS = [PASSKEY_ORIGIN]
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = False
OTP_WEBAUTHN_CREDENTIAL_MODEL = "users.Passkey"
OTP_WEBAUTHN_ATTESTATION_MODEL = "users.PasskeyAttestation"

# --- web ------------------------------------------------------------------------------------

IS_HTTPS = DESK_URL.startswith("https://")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if IS_SANDBOX else "")
CSRF_TRUSTED_ORIGINS = [DESK_URL]
SESSION_ENGINE = "users.sessions"
SESSION_COOKIE_NAME = "__Host-desk" if IS_HTTPS else "desk"
CSRF_COOKIE_NAME = "__Host-desk-csrf" if IS_HTTPS else "desk-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$", r"^api/(?!docs)"]  # programs are refused, not redirected
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY") else None
API_RATE_CALLER = env.number("API_RATE_CALLER", 1200)  # requests a minute: of one key or person,
API_RATE_ADDRESS = env.number("API_RATE_ADDRESS", 2400)  # from one address,
API_RATE_TOKEN = env.number("API_RATE_TOKEN", 20)  # and for tokens from one address
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES")  # how many of ours add to X-Forwarded-For
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "report-uri": ["/csp-report/"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
CSRF_FAILURE_VIEW = "trading.views.csrf_failure"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- mail -----------------------------------------------------------------------------------

MAILERS = env.mailers("EMAIL_URL")  # empty: nothing is mailed
SILENCED_SYSTEM_CHECKS = ["mail.W001"]  # of Django, about that; `trading.checks.mail` says it to who deploys
EMAIL_FROM = env.text("EMAIL_FROM", f"desk@{PASSKEY_HOST}")

# --- language and time ----------------------------------------------------------------------

LANGUAGE_CODE = "en"
# What the bot speaks; the console speaks some of them, and English with everybody else.
LANGUAGES = [("en", "English"), ("fa", "فارسی"), ("ar", "العربية"), ("ru", "Русский"), ("tr", "Türkçe")]
CONSOLE_LANGUAGES = [("en", "English"), ("fa", "فارسی")]
LANGUAGE_COOKIE_NAME = "__Host-desk-language" if IS_HTTPS else "desk-language"
THEME_COOKIE_NAME = "__Host-theme" if IS_HTTPS else "theme"  # static/js/console.js names it likewise
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- the desk -------------------------------------------------------------------------------

ADDRESS_COOLING_HOURS = env.number("ADDRESS_COOLING_HOURS", 0 if IS_SANDBOX else 24)  # from approval to first use
DEPOSIT_MINIMUM_USDT = max(1, env.number("DEPOSIT_MINIMUM_USDT", 1))  # less than this on chain waits for people
EVM_CHAINS = env.objects("EVM_CHAINS", [])  # docs/wallets.md says how
TRON_CHAINS = env.objects("TRON_CHAINS", [])  # likewise
RECONCILIATIONS_KEPT_DAYS = max(7, env.number("RECONCILIATIONS_KEPT_DAYS", 30))  # then one a day of those in order
WALLET_KEYS = env.text("WALLET_KEYS")  # two folders; only the process that signs is given them
WALLET_PASSPHRASES = env.text("WALLET_PASSPHRASES")
AUTO_SETTLEMENT_ALLOWED = env.flag("AUTO_SETTLEMENT_ALLOWED")
TELEGRAM_BOT_TOKEN = env.text("TELEGRAM_BOT_TOKEN")
TELEGRAM_BOT_NAME = env.text("TELEGRAM_BOT_NAME").lstrip("@")
TELEGRAM_API_URL = env.text("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/")
TELEGRAM_WEBHOOK_URL = env.text("TELEGRAM_WEBHOOK_URL")  # https://…/telegram/webhook/; empty: the bot polls
TELEGRAM_WEBHOOK_SECRET = env.secret("TELEGRAM_WEBHOOK_SECRET") if TELEGRAM_WEBHOOK_URL else ""
SANDBOX_TELEGRAM_URL = env.text("SANDBOX_TELEGRAM_URL", "http://127.0.0.1:9091").rstrip("/")
SIMULATED_SOURCES = sandbox_sources(SANDBOX_TELEGRAM_URL) if IS_SANDBOX else []
REFERENCE_SOURCES = env.objects("REFERENCE_SOURCES", SIMULATED_SOURCES)  # docs/reference-rates.md says how
RATES_KEPT_DAYS = env.number("RATES_KEPT_DAYS", 7)
METRICS_TOKEN = env.text("METRICS_TOKEN")
ALIVE_FILE = env.text("ALIVE_FILE")  # the worker and the bot touch it each second: trading.lib.alive
AUDIT_ANCHOR_FILE = env.text("AUDIT_ANCHOR_FILE")  # where the nightly verification keeps the last seal
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_WORKER_DEFAULTS = {"worker_middleware": [trail.follow]}
PROMETHEUS_EXPORT_MIGRATIONS = False

# --- traces ---------------------------------------------------------------------------------

# Empty: nothing is traced.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
OTEL_SERVICE_NAME = env.text("OTEL_SERVICE_NAME")

# --- logs -----------------------------------------------------------------------------------

DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # ours: RequestIdMiddleware sets it before
LOG_FORMAT = env.choice("LOG_FORMAT", {"json", "console"}, "console" if IS_SANDBOX else "json")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "trading.logs.json_formatter"},
        "console": {"()": "trading.logs.console_formatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},  # its INFO lines hold the bot's token
        "httpcore": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "django_structlog": {"level": "WARNING"},
    },
}
