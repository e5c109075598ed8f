"""The pages of bulk work."""

from django.urls import path

from bulk import pages as views

app_name = "bulk"
urlpatterns = [
    path("bulk/new/", views.new, name="new"),
    path("bulk/<uuid:pk>/", views.detail, name="detail"),
    path("bulk/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("bulk/<uuid:pk>/secrets/", views.secrets, name="secrets"),
]
