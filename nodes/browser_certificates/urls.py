"""The pages of browser certificates."""

from django.urls import path

from nodes.browser_certificates import pages as views

app_name = "browser_certificates"
urlpatterns = [
    path("browser-certificates/", views.certificate_list, name="list"),
    path("browser-certificates/upload/", views.upload, name="upload"),
    path("browser-certificates/request/", views.request_new, name="request"),
    path("browser-certificates/<uuid:pk>/", views.detail, name="detail"),
    path("browser-certificates/<uuid:pk>/answer/", views.answer, name="answer"),
    path("browser-certificates/<uuid:pk>/choose/", views.choose, name="choose"),
    path("browser-certificates/<uuid:pk>/remove/", views.remove, name="remove"),
    path("browser-certificates/<uuid:pk>/request.csr", views.request_file, name="csr"),
    path("browser-certificates/<uuid:pk>/chain.pem", views.chain_file, name="chain"),
    path("nodes/<uuid:pk>/browser-certificate/", views.node_choice, name="node"),
]
