"""The pages of the database key."""

from django.urls import path

from nodes.rotations import database_key_pages as views

app_name = "database_key"
urlpatterns = [
    path("database-key/", views.show, name="show"),
    path("database-key/rotate/", views.rotate, name="rotate"),
    path("database-key/<uuid:pk>/pause/", views.pause, name="pause"),
]
