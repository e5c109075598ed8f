"""The pages of the audit log."""

from django.urls import path

from qmc.audit_log import pages

app_name = "audit"
urlpatterns = [
    path("audit/", pages.event_list, name="list"),
    path("audit/export/", pages.export, name="export"),
    path("audit/public-key.pem", pages.public_key, name="public-key"),
    path("audit/<uuid:pk>/", pages.event_detail, name="event"),
]
