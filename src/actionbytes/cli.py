"""`actionbytes ...`: table of contents of the commands; each has a file in `commands/`, imported when called."""

import difflib
import importlib
import io
import os
import signal
import sys

import click

from actionbytes import __version__
from actionbytes.errors import UserError
from actionbytes.progress import messages_to

COMMANDS = {  # name -> (module:attribute, one line for --help)
    "doctor": ("actionbytes.commands.doctor:doctor", "What is installed, which device, what is missing."),
    "evaluate": ("actionbytes.commands.evaluate:evaluate", "mAP of detections under a protocol, or under all of them."),
    "analyze": ("actionbytes.commands.analyze:analyze", "Where detections fail: error kinds, lengths, curves."),
    "features": ("actionbytes.commands.features:features", "Videos to I3D features (RGB and flow)."),
    "compare-features": ("actionbytes.commands.compare_features:compare_features", "How two extractions differ."),
    "index": ("actionbytes.commands.index:index", "List a dataset folder's videos with their hashes."),
    "import-features": ("actionbytes.commands.import_features:import_features", "Ready-made features to shards."),
    "train": ("actionbytes.commands.train:train", "Train a method on features."),
    "localize": ("actionbytes.commands.localize:localize", "Detections from a trained run."),
    "detect": ("actionbytes.commands.detect:detect", "Own videos to detections and a timeline picture."),
    "submission": (
        "actionbytes.commands.submission:submission",
        "Detections to a submission for ActivityNet's test server, checked.",
    ),
    "weights": ("actionbytes.commands.weights:weights", "Inspect or convert published I3D weights."),
    "params": ("actionbytes.commands.params:params", "Every parameter: default, unit, meaning."),
    "plan": ("actionbytes.commands.plan:plan", "The artifacts of the current parameters, written down for DVC."),
    "recipe": ("actionbytes.commands.recipe:recipe", "What made an artifact, how two differ, which are unused."),
    "explain": ("actionbytes.commands.explain:explain", "Where a table's cells come from, in words."),
    "reproduce": ("actionbytes.commands.reproduce:reproduce", "Make a table again elsewhere and compare."),
    "check": ("actionbytes.commands.check:check", "Whether what DVC has fetched is what it says."),
    "plots": ("actionbytes.commands.plots:plots", "Tables and training curves as one page that needs no network."),
    "audit": ("actionbytes.commands.audit:audit", "Where the papers contradict each other or themselves."),
}


class LazyGroup(click.Group):
    """A group that lists its commands by name and help line, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of --help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, imported now; None if there is none."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; for an unknown one the error names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name.lower().replace("_", "-"), COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
            ctx.fail(f"no such command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help lines without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="actionbytes")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least severe messages to show on standard error.",
)
@click.pass_context
def actionbytes(ctx: click.Context, log_level: str) -> None:
    """Learn to localize actions in video with little supervision: ActionBytes, STPN and others on equal terms."""
    ctx.with_resource(messages_to(sys.stderr, log_level.upper()))


def main() -> None:
    """Run the command line; every error a user can cause is one line on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is escaped, and stops nothing
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        actionbytes.main(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        fail(str(error))
    except click.exceptions.NoArgsIsHelpError as help_:  # nothing was asked
        print(help_.format_message())
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        fail(error.format_message() + (f" (see {context.command_path} --help)" if context else ""))
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("interrupted; every file that was finished is kept", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # `actionbytes ... | head`
        _silence_stdout()
        sys.exit(141)
    except OSError as error:
        _silence_stdout()
        fail(f"{error.filename or 'standard output, or a file'}: {error.strerror or error}")
    except MemoryError:
        fail("not enough memory for this input")
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # of a library that most commands do not load
            raise
        fail(f"a file of weights cannot be read or written: {error}")


def _silence_stdout() -> None:
    """Let what is still buffered go nowhere, or Python would complain about it at the end."""
    stream = sys.__stdout__
    if stream and stream is sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail(message: str) -> None:
    """Print one line and leave with status 2."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
