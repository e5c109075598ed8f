"""8443: pages for people, the REST API for them and for tokens."""

from allauth.account import views as account
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from certs import api as certs
from certs import api_exports as exports
from nodes import api as nodes
from nodes import api_browser_certificates as browser_certificates
from nodes import api_cluster as cluster
from nodes import api_connections as connections
from nodes import api_rotations as rotations
from qmc import views, views_addresses, views_recreate
from qmc.api_addresses import AddressesSetting
from qmc.api_attention import Attention
from qmc.api_expiry import Expiry

API = [
    path("nodes/", nodes.Nodes.as_view()),
    path("nodes/preflight/", nodes.NodePreflight.as_view()),
    path("nodes/<uuid:pk>/", nodes.NodeDetail.as_view()),
    path("nodes/<uuid:pk>/register/", nodes.NodeRegister.as_view()),
    path("nodes/<uuid:pk>/renew/", nodes.NodeRenew.as_view()),
    path("nodes/<uuid:pk>/callers-settled/", nodes.NodeCallersSettled.as_view()),
    path("nodes/<uuid:pk>/decommission/", nodes.NodeDecommission.as_view()),
    path("nodes/<uuid:pk>/events/", nodes.NodeEvents.as_view(), name="node-events"),
    path("connections/", connections.Connections.as_view()),
    path("connections/<uuid:pk>/", connections.ConnectionDetail.as_view()),
    path("nodes/<uuid:pk>/browser-certificate/", browser_certificates.NodeBrowserCertificate.as_view()),
    path("browser-certificates/", browser_certificates.BrowserCertificates.as_view()),
    path("browser-certificates/<uuid:pk>/", browser_certificates.BrowserCertificateDetail.as_view()),
    path("browser-certificates/<uuid:pk>/answer/", browser_certificates.BrowserCertificateAnswer.as_view()),
    path("cluster/", cluster.Cluster.as_view()),
    path("cluster/jwks/", cluster.ClusterJwks.as_view(), name="cluster-jwks"),
    path("cluster/public-key/", cluster.ClusterPublicKey.as_view(), name="cluster-public-key"),
    path("cluster/site/", cluster.ClusterSite.as_view()),
    path("cluster/check-token/", cluster.ClusterToken.as_view()),
    path("deployments/", cluster.Deployments.as_view()),
    path("deployments/<uuid:pk>/", cluster.DeploymentDetail.as_view()),
    path("deployments/<uuid:pk>/test-token/", cluster.DeploymentTestToken.as_view()),
    path("certificates/", certs.Certificates.as_view()),
    path("certificates/<uuid:pk>/", certs.CertificateDetail.as_view()),
    path("certificates/<uuid:pk>/pem/", certs.CertificatePem.as_view()),
    path("certificates/<uuid:pk>/revoke/", certs.CertificateRevoke.as_view()),
    path("certificates/<uuid:pk>/crl/", certs.CertificateCrl.as_view()),
    path("exports/", exports.Exports.as_view()),
    path("exports/<uuid:pk>/", exports.ExportDetail.as_view()),
    path("exports/<uuid:pk>/renew/", exports.ExportRenew.as_view()),
    path("exports/<uuid:pk>/revoke/", exports.ExportRevoke.as_view()),
    path("settings/lifetime/", certs.LifetimeSetting.as_view()),
    path("settings/addresses/", AddressesSetting.as_view()),
    path("attention/", Attention.as_view()),
    path("expiry/", Expiry.as_view()),
    path("rotations/", rotations.Rotations.as_view()),
    path("rotations/<uuid:pk>/", rotations.RotationDetail.as_view()),
    path("rotations/<uuid:pk>/pause/", rotations.RotationPause.as_view()),
    path("rotations/<uuid:pk>/resume/", rotations.RotationResume.as_view()),
    path("rotations/<uuid:pk>/roll-back/", rotations.RotationRollBack.as_view()),
    path("rotations/<uuid:pk>/exclude/", rotations.RotationExclude.as_view()),
    path("schema/", SpectacularAPIView.as_view()),
]
handler404, handler500 = "qmc.views.not_found", "qmc.views.failed"
urlpatterns = [
    *(path("api/v1/" + str(each.pattern), each.callback, name=each.name) for each in API),
    path("", views.overview, name="overview"),
    path("recreate-root/", views_recreate.recreate, name="recreate_root"),
    path("recreate-root/progress/", views_recreate.progress, name="recreation"),
    path("expiry/", views.expiry, name="expiry"),
    path("clock/", views.clock, name="clock"),
    path("settings/addresses/", views_addresses.addresses, name="addresses"),
    path("too-large/", views.too_large, name="too_large"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("", include("nodes.urls")),
    path("", include("nodes.urls_browser_certificates")),
    path("", include("nodes.urls_connections")),
    path("", include("nodes.urls_cluster")),
    path("", include("nodes.urls_database_key")),
    path("", include("nodes.urls_roots")),
    path("", include("nodes.urls_revocation")),
    path("", include("certs.urls")),
    path("", include("certs.urls_exports")),
]
