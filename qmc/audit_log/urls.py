"""The pages of the audit log."""

from django.urls import path

from qmc.audit_log import pages

app_name = "audit"
urlpatterns = [
    path("audit/", pages.event_list, name="list"),
    path("audit/export/", pages.export, name="export"),
    path("audit/public-key.pem", pages.public_key, name="public-key"),
    path("audit/segments/", pages.segment_list, name="segments"),
    path("audit/segments/close/", pages.segments_new, name="close"),
    path("audit/segments/<uuid:pk>/remove/", pages.segment_removal, name="remove"),
    path("audit/<uuid:pk>/", pages.event_detail, name="event"),
]
