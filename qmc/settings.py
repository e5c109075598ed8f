"""Django's settings. What an installation chooses comes from qmc.installation."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from agent import files
from attention.needs import Severity
from certs.keys.policy import RSA
from pki.core.roles import Kind
from pki.core.roles import Role as CertificateRole
from pki.issuing.revocation_list import RevocationCode
from qmc.installation import CONSOLE, METRICS, NODE_API, SettingInvalid, database_of, installation_read

os.environ.pop("SSLKEYLOGFILE", None)  # session keys are never written, and a file that cannot be written would end the process
try:
    INSTALLATION = installation_read(os.environ)
    files.restrict_umask()
except (SettingInvalid, files.NotPossible) as exc:
    raise SystemExit(str(exc)) from None

PACKAGE = Path(__file__).resolve().parent
BASE_DIR = PACKAGE.parent  # child processes start with this, so that they find the same code
# The wheel has templates, static files and documents inside this package, the tree has them beside it.
PAGES = PACKAGE if (PACKAGE / "templates").exists() else BASE_DIR
DOCUMENTS = PAGES / "docs"
QMC_DATA_DIR = INSTALLATION.data_dir
NODE_STORE = QMC_DATA_DIR / "node"
SECRETS_DIR = QMC_DATA_DIR / "secrets"


def cookie_names(secret_key: str) -> tuple[str, str]:
    """The name of a cookie, of the session or of the forms' token. Each site has its own, and the browser binds it to the host."""
    tag = hmac.digest(secret_key.encode(), b"names of cookies", "sha256").hex()[:8]
    return f"__Host-session-{tag}", f"__Host-csrf-{tag}"


def content_hash(folder: Path) -> str:
    """A part of the hash of all files in a folder, with their names. It is the same on each machine."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        name, content = str(path.relative_to(folder)).encode(), path.read_bytes()
        digest.update(b"%d %d %b%b" % (len(name), len(content), name, content))
    return digest.hexdigest()[:12]


SECRET_KEY_FILE = INSTALLATION.secret_key_file
try:
    # Nothing is written here: `storage.data_directory` makes missing files after the checks of a command.
    SECRET_KEY = SECRET_KEY_FILE.read_text() if SECRET_KEY_FILE.exists() else secrets.token_urlsafe(48)
except OSError as exc:
    raise SystemExit(
        f"The secret key {SECRET_KEY_FILE} cannot be read: {exc.strerror}. Make the account that runs this command its owner."
    ) from None
# The key of values that only the central node needs. `init` makes it. docs/develop/architecture.md has its format.
CENTRAL_KEY_FILE = INSTALLATION.central_key_file
# Files that web processes read too. With QMC_GROUP, they can run under another account than the workers.
SHARED_SECRET_FILES = [SECRET_KEY_FILE, CENTRAL_KEY_FILE]
# None in web processes and beat: they never have the passphrase of the root key.
ROOT_PASSPHRASE_FILE = INSTALLATION.root_passphrase_file
BACKUP_DIR, BACKUP_PASSPHRASE_FILE = INSTALLATION.backup_dir, INSTALLATION.backup_passphrase_file
# Addresses of the central node. Each overrides the site's data (docs/develop/architecture.md).
QMC_NODE_API_ADDRESSES = INSTALLATION.node_api_addresses
QMC_BASE_URL = INSTALLATION.base_url
QMC_ALLOWED_HOSTS = INSTALLATION.allowed_hosts
QMC_TRUSTED_ORIGINS = INSTALLATION.trusted_origins
QMC_DATABASE_KEY_OIDS = INSTALLATION.database_key_oids
QMC_KEY_TYPES = INSTALLATION.key_types
QMC_HEARTBEAT_S = INSTALLATION.heartbeat_s
QMC_HEARTBEAT_MAX_S = INSTALLATION.heartbeat_max_s
QMC_OUTBOUND_NETWORKS = INSTALLATION.outbound_networks
QMC_TOKEN_REQUESTS = INSTALLATION.token_requests
QMC_WATCHDOG_URL = INSTALLATION.watchdog_url
QMC_METRICS_NETWORKS = INSTALLATION.metrics_networks
DEBUG = False
# The console checks hosts in qmc.addresses.names, with the site's data. The node API builds no address from the Host header.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "jobs",
    "audit",
    "web",
    "people",
    "bulk",
    "certs",
    "nodes",
    "backups",
    "alerts",
    "qrs",
    "qmc",
]
IS_NODE_API = INSTALLATION.process == NODE_API
# Agents have no session and read no pages. allauth refuses to start without its middleware.
FOR_AGENTS = [
    "qmc.metrics.requests.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "web.middleware.RequestMiddleware",
    "nodes.node_api.peer.CertificateMiddleware",
    "qrs.conventions.middleware.QrsMiddleware",
    "web.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "web.middleware.DatabaseMiddleware",
]
FOR_PEOPLE = [
    "qmc.metrics.requests.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "web.compression.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "web.middleware.RequestMiddleware",
    "qrs.conventions.middleware.QrsMiddleware",
    "web.middleware.ApiMiddleware",
    "qmc.addresses.names.HostMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "qmc.addresses.names.OriginMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *([] if IS_NODE_API else ["people.sign_in.sessions.SessionMiddleware"]),
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "web.middleware.ActorMiddleware",
    "web.middleware.DatabaseMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# A monitoring system uses any name of this machine, and no pages.
FOR_MONITORING = [
    "qmc.metrics.requests.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "web.middleware.RequestMiddleware",
    "qmc.metrics.requests.OnlyMonitoringMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "web.middleware.DatabaseMiddleware",
]
CONSOLE_URLCONF = "qmc.urls"
MIDDLEWARE, ROOT_URLCONF = {
    CONSOLE: (FOR_PEOPLE, CONSOLE_URLCONF), NODE_API: (FOR_AGENTS, "qmc.urls_node"), METRICS: (FOR_MONITORING, CONSOLE_URLCONF),
}[INSTALLATION.process]  # fmt: skip
CSRF_FAILURE_VIEW = "qmc.error_pages.form_refused"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PAGES / "templates"],
        "OPTIONS": {
            # The first loader compiles components (templates/cotton), the second one finds the templates of installed packages.
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["web.templates.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {"default-src": ["'self'"], "base-uri": ["'none'"], "form-action": ["'self'"], "frame-ancestors": ["'none'"]}
}
# Both ports use TLS only, so there is no plain HTTP to redirect from. A browser that has stored HSTS for an internal name gives its
# user no way past a certificate error that must be fixed here.
# The check of forms is a subclass of Django's own (qmc.addresses.names.OriginMiddleware). W003 looks for Django's by name.
SILENCED_SYSTEM_CHECKS = ["security.W003", "security.W004", "security.W008"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
# Cookies have no port: two sites on one host name would sign each other's people out.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = cookie_names(SECRET_KEY)
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Every text is English. Without translations, Django does not ask for the language of each address, field and number that it writes.
LANGUAGE_CODE, USE_I18N, TIME_ZONE, USE_TZ = "en", False, "UTC", True
# Browsers keep these files for years: an address changes with the content of any of them.
STATIC_URL = f"static/{content_hash(PAGES / 'static')}/"
STATICFILES_DIRS, STATICFILES_FINDERS = [PAGES / "static"], ["django.contrib.staticfiles.finders.FileSystemFinder"]
WHITENOISE_USE_FINDERS, WHITENOISE_IMMUTABLE_FILE_TEST = True, "^/static/"
AUTHENTICATION_BACKENDS = ["people.roles.backend.RoleBackend"]
ACCOUNT_ADAPTER = "people.sign_in.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "people.sign_in.forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# `people.sign_in.guessing` counts wrong passwords and codes, in the database.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None, "reauthenticate": None}
MFA_RATE_LIMITS = False
MFA_FORMS = {
    "authenticate": "people.factors.forms.CodeForm",
    "authenticate_webauthn": "people.factors.forms.PasskeyUseForm",
    "login_webauthn": "people.factors.forms.PasskeyAloneForm",
    "reauthenticate": "people.factors.forms.CodeAgainForm",
    "reauthenticate_webauthn": "people.factors.forms.PasskeyAgainForm",
}
MFA_ADAPTER = "people.factors.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODE_DIGITS = 12
SOCIALACCOUNT_ADAPTER = "people.provider.adapter.ProviderAdapter"
# A session ends with the browser, and the sign-in form does not ask about it.
ACCOUNT_SESSION_REMEMBER = False
LOGIN_URL, LOGIN_REDIRECT_URL, ACCOUNT_LOGOUT_REDIRECT_URL = "account_login", "overview", "account_login"
if INSTALLATION.database_url:
    DATABASES = {"default": database_of(INSTALLATION.database_url)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(QMC_DATA_DIR / "db.sqlite3"),
            "CONN_MAX_AGE": None,  # opening a connection costs more than most requests
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL;"},
        }
    }
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}}]

CELERY_BROKER_URL = INSTALLATION.broker_url
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QMC_DATA_DIR / "broker/messages"),
        "data_folder_out": str(QMC_DATA_DIR / "broker/messages"),
        "control_folder": str(QMC_DATA_DIR / "broker/control"),
        "polling_interval": 0.05,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"unacked_restore_interval": 1, "socket_connect_timeout": 2, "socket_timeout": 5}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"jobs.tasks.run": {"queue": "sign"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False  # the reconcile job repeats a nudge that cannot be sent
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 2
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "people.tokens.authentication.TokenAuthentication",
        "qmc.addresses.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["web.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "web.problems.problem_handler",
    "URL_FORMAT_OVERRIDE": None,  # the only parameters are those of an operation
    "UNICODE_JSON": False,  # an answer can repeat any input, also a lone surrogate
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trust zone console",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "qmc.schema.completion.complete"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # the values are their own names
    "ENUM_NAME_OVERRIDES": {
        "CertificateKindEnum": [kind.value for kind in Kind],
        "RotationKindEnum": "nodes.rotations.api.KINDS",
        "ExpiringKindEnum": "attention.expiring.KINDS",
        "NodeStateEnum": "nodes.states.NodeState.values",
        "CertificateStatusEnum": "certs.states.CertificateStatus.values",
        "ExportStatusEnum": "certs.states.ExportStatus.values",
        "RenewalStatusEnum": "nodes.states.RenewalStatus.values",
        "BackupStateEnum": "backups.states.BackupState.values",
        "JobStateEnum": "qmc.jobs.api.STATES_OF_JOBS",
        "RevocationCodeEnum": [code.value for code in RevocationCode],
        "CertificateRoleEnum": [role.value for role in CertificateRole],
        "BrowserCertificateStateEnum": "nodes.states.BrowserCertificateState.values",
        "BrowserChoiceStateEnum": "nodes.browser_certificates.api.STATES",
        "SegmentStatusEnum": "audit.retention.states.SegmentStatus.values",
        "AlertStateEnum": "alerts.states.AlertState.values",
        "DeliveryStateEnum": "alerts.states.DeliveryState.values",
        "BulkWorkStateEnum": "bulk.states.WorkState.values",
        "BulkItemStateEnum": "bulk.states.ItemState.values",
        "RoleEnum": "people.roles.registry.ROLES",
        "ExportRoleEnum": "certs.exports.role.ROLES",
        "PersonStateEnum": "people.accounts.lists.STATES",
        "TokenStateEnum": "people.tokens.lists.STATES",
        "SeverityEnum": [severity.value for severity in Severity],
        "RsaKeyTypeEnum": [key_type.value for key_type in RSA],
    },
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "qmc.log_format.ConsoleJsonLines"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": INSTALLATION.log_format}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
