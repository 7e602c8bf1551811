"""The model card that travels with the model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_card(path: Path, run: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Write the card as Markdown, after Mitchell et al. (2019), Model Cards, FAT*.

    Args:
        path: The file to write; its folder exists.
        run: What `run.json` holds.
        result: What `result.json` holds.
    """
    from automedimg.data.files import write_text

    write_text(path, "\n".join([*_head(run, result), *_scores(result), *_use(run)]) + "\n")


def _head(run: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    params = result["best"]["params"]
    lines = [f"# {run['task']}: {params['backbone']} ({params['train']})", ""]
    if run["synthetic"]:
        lines += ["**SYNTHETIC: trained on generated images; it has no medical meaning.**", ""]
    leakage = result["audit"]["leakage"]
    if leakage["leaking_images"]:
        lines += [
            f"**{leakage['percent']:.1f} % of its test images have a copy or the same patient in "
            "training or validation: the scores measure memory as well as skill.**",
            "",
        ]
    shortcut = result["audit"]["shortcut"]
    if shortcut["level"] in ("strong", "clear"):
        lines += [f"**Shortcut: {shortcut['verdict']}**", ""]
    return [
        *lines,
        f"- Classes: {', '.join(run['classes'])}"
        + (f" (positive: {run['positive']})" if run["positive"] else ""),
        f"- Input: images resized to {run['image_size']} x {run['image_size']} "
        f"({params['preprocessing']}), "
        f"{run['channels']} channel(s), values in [0, 255]",
        f"- Chosen on the validation split by {run['metric_label']}, "
        f"trial {result['best']['trial']}, epoch {result['best']['epoch']}",
        f"- Data: {run['source']['citation']} ({run['source']['licence'] or 'licence unknown'})",
        f"- Made with automedimg {run['automedimg']}, seed {run['seed']}",
        "",
    ]


def _scores(result: Mapping[str, Any]) -> list[str]:
    lines = [
        f"## Test split: {result['test_images']} images in {result['test_groups']} groups",
        "",
        "| metric | value | 95 % interval |",
        "| --- | ---: | :---: |",
    ]
    for name, score in result["test"].items():
        interval = (
            "not known" if score["low"] is None else f"{score['low']:.3f} to {score['high']:.3f}"
        )
        lines.append(f"| {name} | {score['value']:.3f} | {interval} |")
    return [*lines, ""]


def _use(run: Mapping[str, Any]) -> list[str]:
    return [
        "## Use",
        "",
        "Research only; not a medical device. It has seen the scanners, patients and conditions of "
        "its data set and no others: judge it on your own before you rely on it. Images are",
        f"resized and scaled by the model and by `automedimg predict`; `{run['task']}` names the "
        "task.",
    ]
