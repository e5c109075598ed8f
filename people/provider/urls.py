"""The pages of the provider."""

from django.urls import path

from people.provider import pages

app_name = "provider"
urlpatterns = [path("settings/provider/", pages.settings, name="settings")]
