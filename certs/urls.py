"""The pages of certificates and of the lifetime setting."""

from django.urls import path

from certs import views

app_name = "certs"
urlpatterns = [
    path("certificates/", views.certificate_list, name="list"),
    path("certificates/<uuid:pk>/", views.certificate_detail, name="detail"),
    path("certificates/<uuid:pk>/pem/", views.certificate_pem, name="pem"),
    path("certificates/<uuid:pk>/crl/", views.certificate_crl, name="crl"),
    path("settings/lifetime/", views.lifetime, name="lifetime"),
]
