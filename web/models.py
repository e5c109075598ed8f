"""The tables of the app. All other modules import them from here."""

from web.repeats.models import KeyedRequest as KeyedRequest
