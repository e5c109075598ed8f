"""qmcctl: the console's REST API for people on a terminal, and for scripts."""

import sys

import click
from click.shell_completion import get_completion_class

from agent.version import VERSION
from cli import output
from cli.commands.certificates import certificates, expiry
from cli.commands.doctor import doctor
from cli.commands.events import alerts, audit
from cli.commands.exports import exports
from cli.commands.frame import Group, reader_may_leave
from cli.commands.login import login, logout
from cli.commands.nodes import nodes
from cli.commands.work import jobs, rotations
from cli.errors import CommandError, ExitCode

NAME = "qmcctl"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name=NAME)
def qmcctl() -> None:
    """Work with the console of a trust zone from a terminal.

    Begin with `qmcctl login URL`. QMC_URL, QMC_TOKEN and QMC_CACERT in the environment take precedence over the login.
    """


@qmcctl.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands and names of nodes in a shell: `source <(qmcctl completion bash)`."""
    made = get_completion_class(shell)
    assert made is not None
    sys.stdout.write(made(qmcctl, {}, NAME, f"_{NAME.upper()}_COMPLETE").source() + "\n")


for command in (login, logout, nodes, certificates, expiry, exports, rotations, jobs, audit, alerts, doctor):
    qmcctl.add_command(command)


def main() -> None:
    try:
        ended = qmcctl.main(prog_name=NAME, standalone_mode=False)
        with reader_may_leave():
            sys.stdout.flush()
    except click.ClickException as exc:
        exc.show()
        sys.exit(ExitCode.USAGE)
    except click.Abort:
        sys.stderr.write("Ended. Work that the site has begun goes on.\n")
        sys.exit(ExitCode.INTERRUPTED)
    except CommandError as exc:
        output.refusal(exc, as_json=False)
        sys.exit(exc.exit_code)
    sys.exit(ended if isinstance(ended, int) else 0)


if __name__ == "__main__":
    main()
