"""Addresses on port 4242, over mutual TLS: the API that agents call, and the QRS-compatible API."""

from django.urls import path

from nodes.node_api import views as node_api
from qmc import error_pages
from qrs.endpoints.views import NodeApiQrs

handler404, handler500 = "qmc.error_pages.not_found", "qmc.error_pages.failed"
urlpatterns = [
    path("api/v1/heartbeat/", node_api.heartbeat_view),
    path("api/v1/packages/<int:generation>/", node_api.package_view),
    path("api/v1/browser-certificate/", node_api.browser_certificate_view),
    path("api/v1/trust/", node_api.trust_view),
    path("api/v1/connections/", node_api.connections_view),
    path("too-large/", error_pages.too_large),
    path("qrs/", NodeApiQrs.as_view()),
    path("qrs/<path:address>", NodeApiQrs.as_view()),
    path("status/servicestate", node_api.status_view),
]
