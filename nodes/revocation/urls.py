"""The page on which a certificate is revoked: it names the nodes that present it. And what else is known once its key is."""

from django.urls import path

from nodes.revocation import pages as views

app_name = "revocation"
urlpatterns = [
    path("certificates/<uuid:pk>/revoke/", views.revoke, name="revoke"),
    path("certificates/<uuid:pk>/exposure/", views.exposure, name="exposure"),
]
