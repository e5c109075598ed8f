"""The pages of the provider."""

from django.urls import path

from people.provider import pages

app_name = "provider"
urlpatterns = [
    path("settings/provider/", pages.settings, name="settings"),
    path("settings/provider/test/", pages.test, name="test"),
    path("accounts/provider/", pages.begin, name="begin"),
    path("accounts/provider/again/", pages.again, name="again"),
    path("accounts/provider/callback/", pages.callback, name="callback"),
    path("account/provider/", pages.own, name="own"),
    path("people/<uuid:pk>/provider/", pages.person, name="person"),
]
