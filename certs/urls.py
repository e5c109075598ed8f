"""Addresses of the pages of certificates, revocation lists and the lifetime setting, in one namespace."""

from django.urls import path

from certs.certificates import pages
from certs.keys.pages import key_types
from certs.lifetime.pages import lifetime
from certs.revocation.pages import certificate_crl

app_name = "certs"
urlpatterns = [
    path("certificates/", pages.certificate_list, name="list"),
    path("certificates/<uuid:pk>/", pages.certificate_detail, name="detail"),
    path("certificates/<uuid:pk>/pem/", pages.certificate_pem, name="pem"),
    path("certificates/<uuid:pk>/crl/", certificate_crl, name="crl"),
    path("settings/lifetime/", lifetime, name="lifetime"),
    path("settings/key-types/", key_types, name="key-types"),
]
