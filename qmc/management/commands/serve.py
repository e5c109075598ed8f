"""One web process."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.wsgi import get_wsgi_application

from agent.store import Store
from pki.core.commands import QMC
from qmc.management.site import SiteCommand
from qmc.memory import memory_settle
from qmc.metrics.processes import durations_keep
from qmc.server import CONSOLE, NODE_API, serve
from storage.data_directory import data_directory_prepare

PROCESSES = {"console": CONSOLE, "node-api": NODE_API, "metrics": CONSOLE}


class Command(SiteCommand):
    help = "Serves the console (pages and REST API), the node API (mutual TLS), or only what monitoring systems read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", choices=PROCESSES)
        parser.add_argument("--address", default="127.0.0.1")
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.INSTALLATION.process != options["process"]:
            raise CommandError(f"Set QMC_PROCESS={options['process']} in the environment: it selects the URLs.")
        data_directory_prepare()
        if Store(settings.NODE_STORE).current() is None:
            self.stderr.write(
                f"Nothing is installed in {settings.NODE_STORE} yet. Run `{QMC} init` on the central machine, or register this machine "
                "as a node. Then this process starts to serve."
            )
        durations_keep()
        application = get_wsgi_application()
        memory_settle()
        try:
            serve(
                application, address=options["address"], port=options["port"], store=Store(settings.NODE_STORE),
                serving=PROCESSES[options["process"]],
            )  # fmt: skip
        except OSError as exc:
            raise CommandError(f"Port {options['port']} on {options['address']}: {exc.strerror}. Choose another port with --port.") from exc
