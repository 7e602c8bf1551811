"""`automedimg paper`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import click

from automedimg.cli.options import Assignment, Devices, Memory, Names, as_mapping


@click.command("paper", short_help="Run a paper's protocol, its split beside a leak-free one.")
@click.argument("paper", metavar="[NAME|FILE]", required=False)
@click.option("--data", metavar="PATH", help="Folder of the paper's images.")
@click.option("--sample", is_flag=True, help="Use synthetic images, and small settings.")
@click.option("--out", metavar="DIR", help="Folder; one that exists is continued.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@click.option(
    "--only", type=Names(), default=(), help="Models, or single settings of them, to run: a,b"
)
@click.option(
    "--protocol", "protocols", type=Names(), default=(), help="Ways to split: random,grouped"
)
@click.option("--epochs", type=int, help="Most epochs: all numbers of the paper are scaled to it.")
@click.option("--image-size", type=int, help="Largest image in pixels: all are scaled to it.")
@click.option("--trials", type=int, help="Most trials of what the paper searches.")
@click.option("--weights", metavar="SOURCE", help="Pretrained weights instead of the paper's.")
@click.option(
    "--instead",
    type=Assignment(),
    multiple=True,
    callback=as_mapping,
    help="A network that stands in for another, e.g. resnet50v2=mobilenetv2. May be repeated.",
)
@click.option("--weights-dir", metavar="DIR", help="Folder of pretrained weight files.")
@click.option("--cache-dir", metavar="DIR", help="Folder of the caches.")
@click.option("--offline", is_flag=True, help="Don't try to download weights.")
@click.option("--workers", type=int, help="Trials at once. [default: one a GPU, or one]")
@click.option("--devices", type=Devices(), help="GPUs to use, e.g. 0,1, or cpu.")
@click.option(
    "--worker-memory",
    "worker_memory_bytes",
    type=Memory(),
    help="Memory past which a trial is ended, e.g. 8G.",
)
@click.option("--quiet", is_flag=True, help="Show nothing but errors and the result.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def command(
    paper: str | None, dry_run: bool, quiet: bool, as_json: bool, offline: bool, **settings: Any
) -> None:
    """List the papers, or run one: NAME of the list, or a FILE of your own.

    Every model runs under the paper's split and under a leak-free one, each run as a search of its
    own below the folder. Runs that have finished are not run again. What is made smaller (--only,
    --epochs, --image-size, ...) is said wherever a figure is.
    """
    from automedimg import api
    from automedimg.cli import paper_text
    from automedimg.cli.console import stderr, stdout

    if paper is None:
        from automedimg.papers.listing import list_papers

        papers = list_papers()
        if as_json:
            click.echo(json.dumps(papers, indent=2, ensure_ascii=False))
        else:
            paper_text.show_list(stdout(), papers)
        return
    if dry_run:
        kept = ("data", "out", "cache_dir", "workers", "devices", "worker_memory_bytes")
        asked = {name: value for name, value in settings.items() if name not in kept}
        plan = api.paper_plan(paper, **asked)
        if as_json:
            click.echo(json.dumps(plan, indent=2, ensure_ascii=False))
        else:
            paper_text.show_plan(stdout(), plan)
        return
    from automedimg.cli.view import make_view

    with nullcontext() if quiet else make_view(stderr()) as view:
        hear = view.hear if view is not None else None
        results = api.paper(paper, download=not offline, listener=hear, **settings)
    if as_json:
        click.echo(json.dumps(results, ensure_ascii=False))
    else:
        paper_text.show_results(stdout(), results)
