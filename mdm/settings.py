"""Django settings. The defaults are those of production; `.env.example` documents what the environment can change."""

from __future__ import annotations

import gc

from celery.schedules import crontab
from csp.constants import NONE, SELF

from mdm import embedded, env, heartbeat, logs

BASE_DIR = env.BASE_DIR
VAR_DIR = env.var_dir()
DEBUG = env.flag("DEBUG", default=False)
# False only where Concord is served on plain HTTP: a laptop, the demo, tests.
HTTPS = env.flag("CONCORD_HTTPS", default=not DEBUG)

SECRET_KEY = env.secret("SECRET_KEY")
API_KEY_PEPPER = env.secret("API_KEY_PEPPER")  # without it, stolen hashes of API keys are of no use
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "mdm",
    "sync",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "axes",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "rest_framework",
    "simple_history",
]

MIDDLEWARE = [
    "mdm.middleware.RequestContext",  # first, so that whatever answers carries the request's id
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mdm.middleware.Probes",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "mdm.middleware.AccessControl",
    "axes.middleware.AxesMiddleware",  # last, as it asks
]

ROOT_URLCONF = "mdm.urls"
WSGI_APPLICATION = "mdm.wsgi.application"
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
            ],
        },
    },
]

# ---------------------------------------------------------------------------------------------------- data stores
DATABASE_URL = env.text("DATABASE_URL") or embedded.database_url(VAR_DIR)
DATABASES = {"default": env.database(DATABASE_URL)}
# Persistent: a connection per request costs 0.65 ms more than one that is kept.
DATABASES["default"] |= {"CONN_MAX_AGE": env.number("CONN_MAX_AGE", 600), "CONN_HEALTH_CHECKS": True}
DATABASES["default"]["OPTIONS"].setdefault("application_name", "concord")
DATABASES["default"]["OPTIONS"].setdefault(
    "prepare_threshold", 5
)  # for mdm.lookup_rows: planning costs more than running

REDIS_URL = env.text("REDIS_URL") or embedded.redis_url(VAR_DIR)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # whoever commits a change waits for it, so briefly
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# --------------------------------------------------------------------------------------------- who, and how securely
AUTH_USER_MODEL = "mdm.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "auth/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "mdm.client.address"
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are in the audit log

# Password, then a code where the user has set one up. Nobody signs up by themselves; axes counts wrong passwords,
# allauth wrong codes.
ACCOUNT_ADAPTER = "mdm.signing_in.Accounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {"login": "mdm.ui.views.account.SignIn", "reauthenticate": "mdm.ui.views.account.Confirm"}
MFA_ADAPTER = "mdm.signing_in.Codes"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Concord"
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: clocks of phones and servers differ
MFA_FORMS = {
    "authenticate": "mdm.ui.views.account.Code",
    "reauthenticate": "mdm.ui.views.account.CodeAgain",
    "activate_totp": "mdm.ui.views.account.FirstCode",
}

# Accounts of the hospital's own, where an OpenID provider is named. A link leads there: the content security policy
# would stop a form that is sent on to another site.
OIDC_ISSUER = env.text("OIDC_ISSUER")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_NAME = env.text("OIDC_NAME", "your hospital account")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLES = env.pairs("OIDC_ROLES")
SOCIALACCOUNT_ADAPTER = "mdm.single_sign_on.People"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [
        {
            "provider_id": "sso",
            "name": OIDC_NAME,
            "client_id": OIDC_CLIENT_ID,
            "secret": env.text("OIDC_CLIENT_SECRET"),
            "settings": {"server_url": OIDC_ISSUER, "scope": env.words("OIDC_SCOPES", "openid,profile,email")},
        }
    ]

SESSION_COOKIE_AGE = env.number("SESSION_HOURS", 10, least=1) * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come over plain HTTP from inside
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
PROXY_COUNT = env.number("PROXY_COUNT", 0)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "base-uri": [NONE],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
        "script-src": [SELF],
        "style-src": [SELF],
    },
}

# ---------------------------------------------------------------------------------------------------------------- mail
EMAIL_HOST = env.text("EMAIL_HOST")  # unset: alerts go to webhooks and the console only
EMAIL_PORT = env.number("EMAIL_PORT", 587, least=1)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.text("EMAIL_USER"), env.text("EMAIL_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "concord@localhost")

# ------------------------------------------------------------------------------------------------- files and language
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = env.zone("TIME_ZONE", "UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "mdm.ui.fonts.Fonts",
]
# Served from where they lie, unless `collectstatic` has put them there under hashed names and compressed, as the
# container image does.
STATIC_ROOT = env.text("CONCORD_STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = not STATIC_ROOT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
        "OPTIONS": {"file_permissions_mode": 0o644},  # who collects them need not be who serves them
    },
}
MEDIA_ROOT = VAR_DIR / "files"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024  # of a form without its files; larger uploads are streamed to disk
FILE_UPLOAD_PERMISSIONS = 0o600

# -------------------------------------------------------------------------------------------------------- REST (block)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["mdm.auth.RequestUser"],
    "DEFAULT_PERMISSION_CLASSES": ["mdm.auth.MayOpen"],  # a view that declares nothing needs `view_masters`
    "DEFAULT_RENDERER_CLASSES": ["mdm.api.json.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mdm.api.json.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "mdm.api.schema.Schema",
    "EXCEPTION_HANDLER": "mdm.api.problems.handle",
}
# Requests per minute and API key. Each web process counts its own share of them.
API_RATE = env.number("API_RATE", 60_000, least=1)
API_RATE_SHARES = env.number("CONCORD_WEB_PROCESSES", 1, least=1)
# Where webhooks may go besides everywhere but this machine, link-local networks and metadata services of clouds.
WEBHOOK_NETWORKS = env.networks("WEBHOOK_NETWORKS")
# Minutes for which whoever asks for a downtime pack of a site is given the last one.
DOWNTIME_PACK_MINUTES = env.number("DOWNTIME_PACK_MINUTES", 5)
# Days for which messages that came in are kept as they were received.
INBOUND_KEEP_DAYS = env.number("INBOUND_KEEP_DAYS", 90)
# Days for which it is kept what became of each record of them.
INBOUND_KEEP_OUTCOMES_DAYS = env.number("INBOUND_KEEP_OUTCOMES_DAYS", 400)
# Days for which attempts to deliver and comparisons with targets are kept.
DELIVERY_KEEP_DAYS = env.number("DELIVERY_KEEP_DAYS", 90)
# Where targets may be. Empty: everywhere but link-local networks and metadata services of clouds.
TARGET_NETWORKS = env.networks("TARGET_NETWORKS")
SPECTACULAR_SETTINGS = {
    "TITLE": "Concord API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["mdm.auth.MayOpen"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_SUFFIX": "",
    "ENUM_NAME_OVERRIDES": {
        "Agreement": ["exact", "reformatted", "similar", "different", "empty"],
        "ChangeRequestKind": "mdm.models.ChangeRequest.Kind",
        "ChangeRequestState": "mdm.models.ChangeRequest.State",
        "Decision": ["link", "review", "none"],
        "Domain": "mdm.models.base.DomainName",
        "EnteredOutcome": ["created", "linked", "review", "pending"],
        "EventKind": "mdm.models.ChangeEvent.Kind",
        "ExportFormat": "mdm.models.DomainExport.Format",
        "JobState": "mdm.models.DomainExport.State",
        "MatchDecision": ["link", "review", "new"],
        "MessageState": ["received", "done", "partly", "quarantined", "discarded"],
        "NeededChange": ["the same", "not stated"],
        "PublishedStatus": ["live", "retired", "merged"],
        "RecordOutcome": ["new", "changed", "unchanged", "retired", "superseded", "refused"],
        "RelationKind": "mdm.models.Relation.Kind",
        "Status": "mdm.models.GoldenRecord.Status",
        "SubmissionOutcome": ["created", "linked", "updated", "unchanged", "review", "pending", "refused"],
        "UnmappedState": ["unmapped", "review", "pending"],
        "WebhookKind": ["created", "updated", "published", "retired", "merged", "unmerged", "unmapped"],
        "WorkItemKind": "mdm.models.WorkItem.Kind",
        "WorkItemState": "mdm.models.WorkItem.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "mdm.api.schema.problems_everywhere",
        "mdm.api.schema.enums_by_name",
        "mdm.api.schema.nothing_by_its_type",
        "mdm.api.about.whole",
        "mdm.api.schema.addresses_with_examples",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "REDOC_DIST": "SIDECAR",
}
# ---------------------------------------------------------------------------------------------------- REST (block end)

# -------------------------------------------------------------------------------------------------------------- Celery
# A worker that vanishes must give its task back within this many seconds; three places read it.
_VISIBILITY = {"visibility_timeout": 120}
CELERY_BROKER_URL = env.broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = _VISIBILITY | {"unacked_restore_interval": 5}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = _VISIBILITY
CELERY_VISIBILITY_TIMEOUT = _VISIBILITY["visibility_timeout"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 110  # less than the visibility timeout, or a slow task runs twice at once
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat")
CELERY_IMPORTS = ["mdm.heartbeat", "sync.inbound.tasks"]


def _every(task: str, schedule: float) -> dict[str, object]:
    """A task by interval. One that had to wait for longer than that is dropped: the next does the same work."""
    return {"task": task, "schedule": schedule, "options": {"expires": schedule}}


CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "heartbeat": _every("mdm.heartbeat", heartbeat.EVERY),
    "deliver what is due": _every("sync.tick", 1.0),
    "extend the change feed": _every("sync.sequence", 2.0),
    "tell webhooks": _every("sync.webhooks", 2.0),
    "take up idle feed runs": _every("sync.sweep_feeds", 30.0),
    "fetch what is due": _every("sync.fetch_due", 10.0),
    "take messages that wait": _every("sync.sweep_messages", 15.0),
    "resolve what is pending": _every("sync.resolve_pending", 60.0),
    "wake, expire and follow": _every("mdm.upkeep", 60.0),
    "read new words": _every("mdm.restandardise", 60.0),
    "watch targets": _every("sync.watch", 60.0),
    "check lanes": _every("sync.check_lanes", 300.0),
    "full sync": {"task": "sync.full_sync", "schedule": crontab(hour="1", minute="30")},
    "measure quality": {"task": "mdm.measure_quality", "schedule": crontab(hour="4", minute="30")},
    "forget old messages": {"task": "sync.prune_messages", "schedule": crontab(hour="2", minute="15")},
    "forget old attempts": {"task": "sync.prune_deliveries", "schedule": crontab(hour="5", minute="15")},
    "reconcile": {"task": "sync.reconcile", "schedule": crontab(hour="3", minute="0")},
}

# ------------------------------------------------------------------------------------------------------------- memory
# A batch makes some hundred thousand objects that go by themselves; looking for cycles every 700 of them takes a tenth
# of its time (measured: 84 s of the demo against 76 s, for 150 MB more).
gc.set_threshold(50_000, 20, 50)

# ------------------------------------------------------------------------------------------------------------- logging
LOG_FORMAT = env.choice("LOG_FORMAT", ("json", "console"), "console" if DEBUG or not HTTPS else "json")
LOGGING_CONFIG = None
logs.configure(LOG_FORMAT, env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"))
