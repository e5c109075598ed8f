"""The pages that revoke a certificate and list the other secrets of its machine."""

from django.urls import path

from nodes.revocation import pages as views

app_name = "revocation"
urlpatterns = [
    path("certificates/<uuid:pk>/revoke/", views.revoke, name="revoke"),
    path("certificates/<uuid:pk>/exposure/", views.exposure, name="exposure"),
]
