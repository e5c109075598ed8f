"""The pages of people and tokens."""

from django.urls import path

from people.accounts import pages as accounts
from people.factors import pages as factors
from people.list_views import pages as list_views
from people.profile import pages as profile
from people.roles import pages as roles
from people.tokens import pages as tokens

app_name = "people"
urlpatterns = [
    path("account/", profile.profile, name="profile"),
    path("account/appearance/", profile.appearance, name="appearance"),
    path("account/theme/", profile.theme, name="theme"),
    path("account/lists/<slug:name>/columns/", list_views.columns, name="columns"),
    path("account/lists/<slug:name>/views/new/", list_views.view_new, name="view-new"),
    path("account/views/<uuid:pk>/", list_views.view, name="view"),
    path("account/password/", profile.password, name="password"),
    path("account/sessions/<int:pk>/end/", profile.end, name="session-end"),
    path("account/second-factors/", factors.factors, name="factors"),
    path("account/second-factors/app/", factors.app, name="factor-app"),
    path("account/second-factors/passkey/", factors.passkey, name="factor-passkey"),
    path("account/second-factors/recovery-codes/", factors.recovery_codes, name="recovery-codes"),
    path("account/second-factors/<int:pk>/", factors.rename, name="factor-rename"),
    path("account/second-factors/<int:pk>/remove/", factors.remove, name="factor-remove"),
    path("people/", accounts.person_list, name="list"),
    path("people/new/", accounts.create, name="create"),
    path("people/roles/", roles.roles, name="roles"),
    path("people/link/<str:secret>/", accounts.link, name="link"),
    path("people/<uuid:pk>/", accounts.detail, name="person"),
    path("people/<uuid:pk>/activity/", accounts.activity, name="activity"),
    path("people/<uuid:pk>/link/", accounts.link_new, name="link-new"),
    path("people/<uuid:pk>/second-factors/", accounts.factors_reset, name="factors-reset"),
    path("people/<uuid:pk>/sign-out/", accounts.sign_out, name="sign-out"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/new/", tokens.create, name="token-create"),
    path("tokens/<uuid:pk>/", tokens.detail, name="token"),
    path("tokens/<uuid:pk>/revoke/", tokens.revoke, name="token-revoke"),
]
