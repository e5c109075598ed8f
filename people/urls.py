"""The pages of people and tokens."""

from django.urls import path

from people.accounts import pages as accounts
from people.profile import pages as profile
from people.tokens import pages as tokens

app_name = "people"
urlpatterns = [
    path("account/", profile.profile, name="profile"),
    path("account/appearance/", profile.appearance, name="appearance"),
    path("account/theme/", profile.theme, name="theme"),
    path("account/password/", profile.password, name="password"),
    path("account/sessions/<int:pk>/end/", profile.end, name="session-end"),
    path("people/", accounts.person_list, name="list"),
    path("people/new/", accounts.create, name="create"),
    path("people/link/<str:secret>/", accounts.link, name="link"),
    path("people/<uuid:pk>/", accounts.detail, name="person"),
    path("people/<uuid:pk>/activity/", accounts.activity, name="activity"),
    path("people/<uuid:pk>/link/", accounts.link_new, name="link-new"),
    path("people/<uuid:pk>/sign-out/", accounts.sign_out, name="sign-out"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.create, name="token-create"),
    path("tokens/<uuid:pk>/", tokens.detail, name="token"),
    path("tokens/<uuid:pk>/revoke/", tokens.revoke, name="token-revoke"),
]
