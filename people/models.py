"""The tables of the app. Each room has its own. This module collects them, and all other modules import them from here."""

from people.accounts.models import DateForm as DateForm
from people.accounts.models import Person as Person
from people.accounts.models import Theme as Theme
from people.factors.models import FactorSecret as FactorSecret
from people.list_views.models import ListChoice as ListChoice
from people.list_views.models import SavedView as SavedView
from people.provider.models import IdentityProvider as IdentityProvider
from people.roles.models import RoleGrant as RoleGrant
from people.roles.models import RoleRule as RoleRule
from people.sign_in.models import Guesses as Guesses
from people.sign_in.models import KnownBrowser as KnownBrowser
from people.tokens.models import ApiToken as ApiToken
