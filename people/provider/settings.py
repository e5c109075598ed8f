"""The provider for the sign-in, among the settings of the site."""

from collections.abc import Iterator

from people.provider.models import IdentityProvider
from people.provider.services import PERMISSION
from web.site_settings import Group, Setting, settings_register


@settings_register(PERMISSION)
def settings() -> Iterator[Setting]:
    provider = IdentityProvider.objects.first()
    state = f"{provider.name}, {'enabled' if provider.enabled else 'not enabled'}" if provider else "none"
    yield Setting(
        "provider", Group.SIGN_IN, "Sign-in with a provider",
        "Whether people sign in with their account at the company’s provider (OpenID Connect).",
        state, "none", view="provider:settings", actions=("provider.changed",),
    )  # fmt: skip
    only = bool(provider and provider.enabled and provider.local_for_root_admins_only)
    yield Setting(
        "passwords", Group.SIGN_IN, "Sign-in with a password of the console", "Who can sign in without the provider.",
        "RootAdmins only" if only else "everybody", "everybody", view="provider:settings", actions=("provider.changed",),
    )  # fmt: skip
