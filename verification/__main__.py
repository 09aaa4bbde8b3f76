"""`python -m verification --region R --layer ZIP`: runs the experiments in a real account."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from layer.commands import named
from layer.contents_of_zip import FinishedLayer, read_layer
from layer.errors import LayerError
from simulator.arguments import report_file
from verification.account import Account
from verification.experiments import EXPERIMENTS, Experiment
from verification.report import Result, report


def main(
    arguments: Sequence[str] | None = None, *, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Deploy, run, write the report, remove; returns 1 if something is left or went wrong."""
    options = _parser().parse_args(arguments)
    chosen = [each for each in EXPERIMENTS if not options.only or each.name in options.only]
    if options.list:
        print("\n".join(f"{each.name}: {each.question}" for each in chosen))
        return 0
    try:
        account = Account(region=options.region, prefix=options.prefix, sleep=sleep)
        if options.remove:
            return _remove(account)
        return _run(account, read_layer(options.layer), chosen, options=options)
    except (LayerError, BotoCoreError, ClientError, TimeoutError) as error:
        print(f"verification: {error}", file=sys.stderr)
        return 1


def _run(
    account: Account,
    layer: FinishedLayer,
    chosen: Sequence[Experiment],
    *,
    options: argparse.Namespace,
) -> int:
    results: list[Result] = []
    try:
        print(f"creating {account.prefix} in {account.region}")
        account.create(layer)
        for experiment in chosen:
            print(f"{experiment.name}: {experiment.question}")
            observed = account.run(experiment)
            findings = list(experiment.look(observed))
            results.append((experiment, observed, findings))
            for each in findings:
                print(f"  {'as expected' if each.as_expected else 'NOT AS EXPECTED'}: {each.what}: "
                      f"{each.found[:200]}")  # fmt: skip
    finally:
        about = f"{layer.name} {layer.version}, {layer.architecture}, {account.region}"
        options.report.write_text(report(results, about=about), "utf-8")
        print(f"the report is {options.report}")
        left = _remove(account)
    return left


def _remove(account: Account) -> int:
    left = account.remove()
    print("\n".join(left) if left else f"everything named {account.prefix} is removed")
    return 1 if left else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m verification", description="Run the experiments in an AWS account."
    )
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", "eu-central-1"))
    parser.add_argument("--layer", type=named, default=Path("dist/lambda-dispatch-x86_64.zip"),
                        help="a zip for Python functions; default: %(default)s")  # fmt: skip
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these experiments alone",
                        choices=[each.name for each in EXPERIMENTS])  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name the experiments, do nothing")
    parser.add_argument("--prefix", default="lambda-dispatch-verification",
                        help="the name of what is made; default: %(default)s")  # fmt: skip
    parser.add_argument("--remove", action="store_true", help="remove what a run has left")
    parser.add_argument("--report", type=report_file, default=Path("report.md"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
