"""Mail: alerts as plain text, through the mail server of the site."""

import re
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from alerts.channels import authorities
from alerts.channels.kinds import Field, Outgoing, kind_register
from alerts.channels.mail.smtp import Server, mail_send
from alerts.errors import InputInvalid
from outbound.connections import authorities_problem, tls_context

MOST_RECIPIENTS = 50
HOST = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?!-)[A-Za-z0-9.-]{1,253}")
STARTTLS, TLS, NONE = "starttls", "tls", "none"


class Mail:
    name = "mail"
    label = "Mail"
    icon = "mail"
    explanation = "Sends each alert as a mail through your mail server."
    sends_state_changes = False
    fields: tuple[Field, ...] = (
        Field("recipients", "Recipients", f"1 to {MOST_RECIPIENTS} addresses, separated by commas or line breaks.", lines=True),
        Field("sender", "Sender", "The address in the From field, such as alerts@site.example."),
        Field("host", "Mail server", "Its host name or IP address, as in its certificate."),
        Field("port", "Port", "Usually 587 for STARTTLS, 465 for TLS, and 25 for none.", default="587"),
        Field(
            "security",
            "Encryption",
            "With STARTTLS and TLS, the console verifies the certificate of the mail server.",
            default=STARTTLS,
            choices={STARTTLS: "STARTTLS", TLS: "TLS", NONE: "None"},
        ),
        Field("username", "User name", "Leave it empty if the mail server requires no sign-in.", is_required=False),
        Field(
            "password",
            "Password",
            "The password for the user name.",
            is_secret=True,
            is_required=False,
            sent_to=("host", "port", "username"),
        ),
        authorities.FIELD,
    )

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """Raises: InputInvalid."""
        found = {**values, "recipients": "\n".join(_addresses(values["recipients"]))}
        if not found["username"]:
            found["password"] = ""
        checks = {
            "recipients": _recipients_problem(found["recipients"].split("\n")),
            "sender": "" if ADDRESS.fullmatch(found["sender"]) else "Enter one address, such as alerts@site.example.",
            "host": "" if HOST.fullmatch(found["host"]) else "Enter a host name or an IP address, without a port.",
            "port": ""
            if re.fullmatch(r"[0-9]{1,5}", found["port"]) and 0 < int(found["port"]) < 65536
            else "Enter a port from 1 to 65535.",
            "security": "" if found["security"] != NONE or not found["username"] else "A user name and a password require STARTTLS or TLS.",
            "username": "" if found["username"].isascii() else "Enter a user name of ASCII characters.",
            "password": _password_problem(found["username"], found["password"]),
            "ca": authorities_problem(found["ca"]),
        }
        if errors := {name: [problem] for name, problem in checks.items() if problem}:
            raise InputInvalid(errors)
        return found

    def address(self, values: Mapping[str, str]) -> str:
        first, *others = values["recipients"].split("\n")
        return f"{first} and {len(others)} more" if others else first

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        """Raises: NotSent."""
        recipients = values["recipients"].split("\n")
        server = Server(
            values["host"],
            int(values["port"]),
            tls_context(values["ca"]) if values["security"] != NONE else None,
            is_implicit=values["security"] == TLS,
            username=values["username"],
            password=values["password"],
        )
        # A test shows everything that is wrong. An alert reaches as many people as possible.
        is_test = message.event_type == "test"
        mail_send(
            server, values["sender"], recipients, lambda refused: _mail(values["sender"], recipients, message, refused), to_all=is_test
        )


def _addresses(text: str) -> list[str]:
    return list(dict.fromkeys(part for part in re.split(r"[,;\s]+", text) if part))


def _recipients_problem(addresses: list[str]) -> str:
    wrong = [address for address in addresses if not ADDRESS.fullmatch(address)]
    if wrong:
        return f"“{wrong[0][:100]}” is not a mail address. Enter addresses such as ops@site.example."
    return f"Enter at most {MOST_RECIPIENTS} addresses." if len(addresses) > MOST_RECIPIENTS else ""


def _password_problem(username: str, password: str) -> str:
    if username and not password:
        return "Enter the password for the user name."
    return (
        ""
        if password.isascii() and password.isprintable()
        else "Enter a password of printable ASCII characters. Mail servers take no others."
    )


def _mail(sender: str, recipients: list[str], message: Outgoing, refused: Mapping[str, str]) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = "".join(letter for letter in " ".join(message.title.split()) if letter.isprintable())
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.event_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.possible_repeat:
        mail["X-Possible-Repeat"] = "true"
    paragraphs = [message.text, message.end]
    if refused:
        listed = "\n".join(f"{address}: {reply}" for address, reply in refused.items())
        paragraphs.append(f"The mail server refused these recipients. Correct or remove them in the channel.\n{listed}")
    # Quoted-printable passes every mail server unchanged.
    mail.set_content("\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n", cte="quoted-printable")
    return mail


kind_register(Mail())
