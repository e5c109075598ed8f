"""The pages of backups."""

from django.urls import path

from backups import pages

app_name = "backups"
urlpatterns = [
    path("backups/", pages.backup_list, name="list"),
    path("backups/new/", pages.create, name="create"),
    path("backups/schedule/", pages.schedule, name="schedule"),
    path("backups/<uuid:pk>/", pages.backup, name="backup"),
    path("backups/<uuid:pk>/download/", pages.download, name="download"),
    path("backups/<uuid:pk>/remove/", pages.remove, name="remove"),
]
