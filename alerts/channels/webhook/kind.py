"""Webhooks: events as CloudEvents 1.0 in JSON, signed after Standard Webhooks."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from agent.version import VERSION
from alerts.channels import authorities
from alerts.channels.kinds import Field, Outgoing, kind_register
from alerts.errors import InputInvalid, NotSent
from certs.zone.services import console_url, zone_current
from outbound import http
from outbound.connections import authorities_problem
from outbound.errors import OutboundFailed

PREFIX = "whsec_"
SECRET_BYTES, FEWEST_BYTES, MOST_BYTES = 32, 24, 64
TOKEN = re.compile(r"[\x21-\x7e]*")
REMEDIES = {
    401: "Check the token and the signing secret.",
    403: "Check the token and the signing secret.",
    404: "Check the URL.",
    405: "Check the URL. It must take POST requests.",
    410: "The receiver no longer exists. Enter another URL, or delete the channel.",
    413: "The receiver must accept larger requests.",
    429: "The receiver limits the number of requests.",
}
NOT_TAKEN, NOT_NOW = "The receiver must accept CloudEvents in JSON.", "Check the receiver and its log."
GATEWAY_TIMEOUT = 504


class Webhook:
    name = "webhook"
    label = "Webhook"
    icon = "webhook"
    explanation = "Posts each event as signed JSON (CloudEvents) to a program of yours."
    sends_state_changes = True
    fields: tuple[Field, ...] = (
        Field("url", "URL", "The console posts to this URL. Other people can read it here, so enter passwords as the token."),
        Field(
            "token",
            "Token",
            "Sent as `Authorization: Bearer`. Leave it empty if the receiver requires none.",
            is_secret=True,
            is_required=False,
            sent_to=("url",),
        ),
        Field(
            "secret",
            "Signing secret",
            f"The receiver verifies signatures with it (Standard Webhooks). It begins with {PREFIX}. Leave it empty to generate one.",
            is_secret=True,
            is_required=False,
        ),
        authorities.FIELD,
    )

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """Generates a signing secret if there is none. Raises: InputInvalid."""
        found = {**values, "secret": values["secret"].strip() or PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}
        checks = {
            "url": _url_problem(found["url"]),
            "token": _token_problem(found["token"], found["url"]),
            "secret": "" if _key(found["secret"]) else f"Enter {PREFIX} and {FEWEST_BYTES} to {MOST_BYTES} bytes in base64, or nothing.",
            "ca": authorities_problem(found["ca"]),
        }
        if errors := {name: [problem] for name, problem in checks.items() if problem}:
            raise InputInvalid(errors)
        return found

    def address(self, values: Mapping[str, str]) -> str:
        return urlsplit(values["url"]).netloc

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        """Raises: NotSent."""
        body = json.dumps(_event(message), ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = str(int(time.time()))
        signed = b".".join([str(message.event_id).encode(), timestamp.encode(), body])
        signature = base64.b64encode(hmac.digest(_key(values["secret"]), signed, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": f"trust-zone-console/{VERSION}",
            "webhook-id": str(message.event_id),
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }
        if values["token"]:
            headers["Authorization"] = f"Bearer {values['token']}"
        try:
            answer = http.send("POST", values["url"], headers, body, authorities=values["ca"])
        except OutboundFailed as exc:
            raise NotSent(str(exc), may_have_arrived=exc.may_have_arrived) from exc
        if not 200 <= answer.status < 300:
            remedy = REMEDIES.get(answer.status, NOT_TAKEN if answer.status < 500 else NOT_NOW)
            text = f"{self.address(values)} answered HTTP {answer.status}. {remedy}"
            raise NotSent(text, may_have_arrived=answer.status == GATEWAY_TIMEOUT)


def _url_problem(url: str) -> str:
    try:
        http.url_checked(url)
    except ValueError as exc:
        return str(exc)
    return ""


def _token_problem(token: str, url: str) -> str:
    if token and not url.lower().startswith("https://"):
        return "A token requires a URL that begins with https://, because it is not encrypted otherwise."
    return "" if TOKEN.fullmatch(token) else "Enter a token of ASCII characters without spaces."


def _key(secret: str) -> bytes:
    """The key of a signing secret; empty if the secret is invalid."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        return b""
    return key if FEWEST_BYTES <= len(key) <= MOST_BYTES else b""


def _event(message: Outgoing) -> dict[str, Any]:
    zone = zone_current()
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(message.event_id),
        "source": console_url(zone) or f"/trust-zones/{zone.pk}",
        "type": f"trust-zone.{message.event_type}",
        "time": message.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"severity": message.severity, "title": message.title, "text": message.text, "url": message.url, **message.data},
    }
    if message.subject:
        event["subject"] = message.subject
    if message.possible_repeat:
        event["possiblerepeat"] = True
    return event


kind_register(Webhook())
