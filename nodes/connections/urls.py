"""The pages of connections."""

from django.urls import path

from nodes.connections import pages as views

app_name = "connections"
urlpatterns = [
    path("connections/", views.connection_list, name="list"),
    path("connections/new/", views.create, name="create"),
    path("connections/<uuid:pk>/", views.edit, name="edit"),
    path("connections/<uuid:pk>/remove/", views.remove, name="remove"),
]
