"""Addresses on port 8443: pages, the REST API, and the QRS-compatible API, for sessions and tokens."""

from allauth.account import views as account
from django.urls import include, path

from alerts.alerts import api as alerts
from alerts.channels import api as alert_channels
from alerts.deliveries import api as alert_deliveries
from alerts.routes import api as alert_routes
from alerts.watchdog.api import AlertRules
from alerts.watchdog.pages import rules as alert_rules
from backups import api as backups
from bulk import api as bulk
from certs.certificates import api as certificates
from certs.exports import api as exports
from certs.keys.api import KeyTypesSetting
from certs.lifetime.api import LifetimeSetting
from certs.revocation.api import CertificateCrl, CertificateRevoke
from certs.roots.api import RootRotationSetting
from nodes.browser_certificates import api as browser_certificates
from nodes.bulk_registration.api import NodesBulk
from nodes.calls.api import CallLimitsSetting
from nodes.calls.pages import call_limits
from nodes.cluster import api as cluster
from nodes.connections import api as connections
from nodes.inventory import api as nodes
from nodes.observation.api import NodeCallersSettled
from nodes.registration import api as registration
from nodes.renewal.api import NodeRenew
from nodes.rotations import api as rotations
from people.accounts import api as people
from people.factors import doors
from people.provider.api import IdentityProviderSetting, PersonProvider
from people.roles.api import Roles
from people.tokens import api as tokens
from qmc import error_pages
from qmc.addresses import pages as views_addresses
from qmc.addresses.api import AddressesSetting
from qmc.audit_log.api import Audit, AuditExport, AuditStatus, SegmentRemove, Segments
from qmc.dashboard import pages as dashboard
from qmc.expiry import pages as expiry
from qmc.expiry.api import Expiry
from qmc.expiry.calendar import calendar_file
from qmc.jobs import api as jobs
from qmc.overview import pages as overview
from qmc.overview.api import Attention, Clock, ClockConfirm
from qmc.recreation import pages as views_recreate
from qmc.schema.api import Schema
from qmc.search import pages as search
from qmc.search.api import Search
from qmc.site_settings.api import SiteSettings
from qmc.site_settings.pages import every_setting
from qmc.syslog import api as syslog
from qrs.endpoints.views import ConsoleQrs

API = [
    path("nodes/", nodes.Nodes.as_view()),
    path("nodes/preflight/", registration.NodePreflight.as_view()),
    path("nodes/bulk/", NodesBulk.as_view()),
    path("nodes/<uuid:pk>/", registration.NodeDetail.as_view()),
    path("nodes/<uuid:pk>/register/", registration.NodeRegister.as_view()),
    path("nodes/<uuid:pk>/renew/", NodeRenew.as_view()),
    path("nodes/<uuid:pk>/callers-settled/", NodeCallersSettled.as_view()),
    path("nodes/<uuid:pk>/decommission/", registration.NodeDecommission.as_view()),
    path("nodes/<uuid:pk>/events/", nodes.NodeEvents.as_view(), name="node-events"),
    path("connections/", connections.Connections.as_view()),
    path("connections/<uuid:pk>/", connections.ConnectionDetail.as_view()),
    path("nodes/<uuid:pk>/browser-certificate/", browser_certificates.NodeBrowserCertificate.as_view()),
    path("browser-certificates/", browser_certificates.BrowserCertificates.as_view()),
    path("browser-certificates/<uuid:pk>/", browser_certificates.BrowserCertificateDetail.as_view()),
    path("browser-certificates/<uuid:pk>/answer/", browser_certificates.BrowserCertificateAnswer.as_view()),
    path("cluster/", cluster.Cluster.as_view()),
    path("cluster/nodes/<uuid:pk>/", cluster.ClusterNodeDetail.as_view()),
    path("cluster/deliver/", cluster.ClusterDeliver.as_view()),
    path("cluster/pfx/", cluster.ClusterPfx.as_view()),
    path("cluster/jwks/", cluster.ClusterJwks.as_view(), name="cluster-jwks"),
    path("cluster/public-key/", cluster.ClusterPublicKey.as_view(), name="cluster-public-key"),
    path("cluster/site/", cluster.ClusterSite.as_view()),
    path("cluster/check-token/", cluster.ClusterToken.as_view()),
    path("deployments/", cluster.Deployments.as_view()),
    path("deployments/<uuid:pk>/", cluster.DeploymentDetail.as_view()),
    path("deployments/<uuid:pk>/test-token/", cluster.DeploymentTestToken.as_view()),
    path("certificates/", certificates.Certificates.as_view()),
    path("certificates/<uuid:pk>/", certificates.CertificateDetail.as_view()),
    path("certificates/<uuid:pk>/pem/", certificates.CertificatePem.as_view()),
    path("certificates/<uuid:pk>/revoke/", CertificateRevoke.as_view()),
    path("certificates/<uuid:pk>/crl/", CertificateCrl.as_view()),
    path("exports/", exports.Exports.as_view()),
    path("exports/<uuid:pk>/", exports.ExportDetail.as_view()),
    path("exports/<uuid:pk>/renew/", exports.ExportRenew.as_view()),
    path("exports/<uuid:pk>/role/", exports.ExportRoleDetail.as_view()),
    path("exports/<uuid:pk>/revoke/", exports.ExportRevoke.as_view()),
    path("settings/", SiteSettings.as_view()),
    path("settings/alerts/", AlertRules.as_view()),
    path("settings/lifetime/", LifetimeSetting.as_view()),
    path("settings/key-types/", KeyTypesSetting.as_view()),
    path("settings/calls/", CallLimitsSetting.as_view()),
    path("settings/root-rotation/", RootRotationSetting.as_view()),
    path("settings/addresses/", AddressesSetting.as_view()),
    path("settings/identity-provider/", IdentityProviderSetting.as_view()),
    path("alerts/", alerts.Alerts.as_view()),
    path("alerts/preview/", alert_deliveries.AlertPreview.as_view()),
    path("alerts/<uuid:pk>/", alerts.AlertDetail.as_view()),
    path("alerts/<uuid:pk>/acknowledge/", alerts.AlertAcknowledge.as_view()),
    path("alert-channels/", alert_channels.Channels.as_view()),
    path("alert-channels/<uuid:pk>/", alert_channels.ChannelDetail.as_view()),
    path("alert-channels/<uuid:pk>/test/", alert_deliveries.ChannelTest.as_view()),
    path("alert-channels/<uuid:pk>/deliveries/", alert_deliveries.ChannelDeliveries.as_view()),
    path("alert-routes/", alert_routes.Routes.as_view()),
    path("alert-routes/<uuid:pk>/", alert_routes.RouteDetail.as_view()),
    path("audit/", Audit.as_view()),
    path("audit/export/", AuditExport.as_view()),
    path("audit/status/", AuditStatus.as_view()),
    path("syslog-receivers/", syslog.SyslogReceivers.as_view()),
    path("syslog-receivers/<uuid:pk>/", syslog.SyslogReceiverDetail.as_view()),
    path("syslog-receivers/<uuid:pk>/test/", syslog.SyslogReceiverTest.as_view()),
    path("audit/segments/", Segments.as_view()),
    path("audit/segments/<uuid:pk>/remove/", SegmentRemove.as_view()),
    path("people/", people.People.as_view()),
    path("people/roles/", Roles.as_view()),
    path("people/<uuid:pk>/", people.PersonDetail.as_view()),
    path("people/<uuid:pk>/link/", people.PersonLink.as_view()),
    path("people/<uuid:pk>/provider/", PersonProvider.as_view()),
    path("people/<uuid:pk>/reset-second-factors/", people.PersonSecondFactors.as_view()),
    path("people/<uuid:pk>/sign-out/", people.PersonSignOut.as_view()),
    path("tokens/", tokens.Tokens.as_view()),
    path("tokens/<uuid:pk>/", tokens.TokenDetail.as_view()),
    path("backups/", backups.Backups.as_view()),
    path("backups/<uuid:pk>/", backups.BackupDetail.as_view()),
    path("backups/<uuid:pk>/download/", backups.BackupDownload.as_view()),
    path("settings/backups/", backups.BackupScheduleSetting.as_view()),
    path("jobs/", jobs.Jobs.as_view()),
    path("jobs/<uuid:pk>/", jobs.JobDetail.as_view(), name="api-job"),
    path("jobs/<uuid:pk>/cancel/", jobs.JobCancel.as_view()),
    path("jobs/<uuid:pk>/retry/", jobs.JobRetry.as_view()),
    path("attention/", Attention.as_view()),
    path("clock/", Clock.as_view()),
    path("clock/confirm/", ClockConfirm.as_view()),
    path("expiry/", Expiry.as_view()),
    path("bulk/", bulk.Bulk.as_view()),
    path("bulk/<uuid:pk>/", bulk.BulkDetail.as_view()),
    path("bulk/<uuid:pk>/items/", bulk.BulkItems.as_view()),
    path("bulk/<uuid:pk>/cancel/", bulk.BulkCancel.as_view()),
    path("bulk/<uuid:pk>/secrets/", bulk.BulkSecrets.as_view()),
    path("rotations/", rotations.Rotations.as_view()),
    path("rotations/<uuid:pk>/", rotations.RotationDetail.as_view()),
    path("rotations/<uuid:pk>/pause/", rotations.RotationPause.as_view()),
    path("rotations/<uuid:pk>/resume/", rotations.RotationResume.as_view()),
    path("rotations/<uuid:pk>/roll-back/", rotations.RotationRollBack.as_view()),
    path("rotations/<uuid:pk>/exclude/", rotations.RotationExclude.as_view()),
    path("schema/", Schema.as_view()),
    path("search/", Search.as_view()),
]
handler400, handler404, handler500 = "qmc.error_pages.malformed", "qmc.error_pages.not_found", "qmc.error_pages.failed"
urlpatterns = [
    *(path("api/v1/" + str(pattern.pattern), pattern.callback, name=pattern.name) for pattern in API),
    path("qrs/", ConsoleQrs.as_view(), name="qrs"),
    path("qrs/<path:address>", ConsoleQrs.as_view()),
    path("", overview.overview, name="overview"),
    path("overview/next-expiry/", dashboard.following, name="dashboard_next"),
    path("overview/nodes/", dashboard.nodes, name="dashboard_nodes"),
    path("overview/certificates/", dashboard.certificates, name="dashboard_certificates"),
    path("overview/keys/", dashboard.keys, name="dashboard_keys"),
    path("recreate-root/", views_recreate.recreate, name="recreate_root"),
    path("recreate-root/progress/", views_recreate.progress, name="recreation"),
    path("search/", search.find, name="search"),
    path("shortcuts/", search.shortcuts, name="shortcuts"),
    path("expiry/", expiry.expiry, name="expiry"),
    path("expiry/picture/", expiry.picture, name="expiry_picture"),
    path("expiry.ics", calendar_file, name="calendar"),
    path("", include("qmc.metrics.urls")),
    path("clock/", overview.clock, name="clock"),
    path("settings/", every_setting, name="settings"),
    path("settings/calls/", call_limits, name="calls"),
    path("settings/addresses/", views_addresses.addresses, name="addresses"),
    path("", include("backups.urls")),
    path("", include("qmc.jobs.urls")),
    path("", include("qmc.syslog.urls")),
    path("", include("qmc.help.urls")),
    path("too-large/", error_pages.too_large, name="too_large"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/reauthenticate/code/", doors.code_again, name="mfa_reauthenticate"),
    path("accounts/reauthenticate/passkey/", doors.passkey_again, name="mfa_reauthenticate_webauthn"),
    path("accounts/second-factor/", doors.second_factor, name="mfa_authenticate"),
    path("accounts/passkey/", doors.passkey_alone, name="mfa_login_webauthn"),
    path("", include("bulk.urls")),
    path("", include("nodes.urls")),
    path("", include("nodes.browser_certificates.urls")),
    path("", include("nodes.connections.urls")),
    path("", include("nodes.cluster.urls")),
    path("", include("nodes.rotations.database_key_urls")),
    path("", include("nodes.rotations.root_urls")),
    path("", include("nodes.revocation.urls")),
    path("", include("certs.urls")),
    path("", include("certs.exports.urls")),
    path("alerts/rules/", alert_rules, name="alert_rules"),
    path("", include("alerts.urls")),
    path("", include("qmc.audit_log.urls")),
    path("", include("people.provider.urls")),
    path("", include("people.urls")),
]
