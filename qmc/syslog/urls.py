"""The pages of syslog receivers."""

from django.urls import path

from qmc.syslog import pages

app_name = "syslog"
urlpatterns = [
    path("settings/syslog/", pages.receiver_list, name="list"),
    path("settings/syslog/new/", pages.create, name="create"),
    path("settings/syslog/<uuid:pk>/", pages.edit, name="receiver"),
    path("settings/syslog/<uuid:pk>/test/", pages.test, name="test"),
    path("settings/syslog/<uuid:pk>/remove/", pages.remove, name="remove"),
]
