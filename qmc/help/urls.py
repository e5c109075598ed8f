"""The pages of the help."""

from django.urls import path

from qmc.help import pages

app_name = "help"
urlpatterns = [
    path("help/", pages.index, name="index"),
    path("help/api-operations/", pages.operations, name="operations"),
    path("help/api-operations/<slug:name>/", pages.operation, name="operation"),
    path("help/files/<path:name>", pages.file, name="file"),
    path("help/<slug:name>/", pages.read, name="document"),
]
