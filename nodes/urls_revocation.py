"""The page on which a certificate is revoked: it names the nodes that present it."""

from django.urls import path

from nodes import views_revocation as views

app_name = "revocation"
urlpatterns = [path("certificates/<uuid:pk>/revoke/", views.revoke, name="revoke")]
