"""Tokens as things that can be found: by name. A person without the right to see people finds their own."""

from collections.abc import Iterator

from django.db.models.functions import Lower
from django.urls import reverse

from audit.actors import Actor
from people.tokens.lists import tokens_readable
from web.search import MOST_OF_KIND, Found, beginning, search_register


@search_register("Tokens", icon="key", permission="people.add_apitoken")
def tokens(text: str, actor: Actor) -> Iterator[Found]:
    rows = tokens_readable(actor).alias(lower=Lower("name")).filter(beginning("lower", text.lower())).order_by("name", "pk")
    for token in rows[:MOST_OF_KIND]:
        yield Found(token.name, f"token of {token.user.get_username()}", reverse("people:token", args=[token.pk]))
