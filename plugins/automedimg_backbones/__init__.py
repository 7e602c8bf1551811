"""The backbones and heads that ship with automedimg."""

from collections.abc import Iterator
from functools import partial

from automedimg.contracts import BackboneSpec, HeadSpec, hookimpl, lazy
from automedimg_backbones import sources
from automedimg_backbones.keras_networks import NETWORKS


@hookimpl
def automedimg_backbones() -> Iterator[BackboneSpec]:
    """Offer the searched CNN, AutoKeras's blocks and the networks of `keras.applications`."""
    yield BackboneSpec(
        "autokeras",
        "AutoKeras's blocks: plain convolutions, ResNet or Xception, from scratch",
        lazy("automedimg_backbones.autokeras:AutoKeras"),
        sources.AUTOKERAS,
        gmacs=4.6,  # of its largest, Xception
        tags=("cnn",),
    )
    yield BackboneSpec(
        "custom_cnn",
        "A small CNN whose architecture is searched",
        lazy("automedimg_backbones.custom_cnn:CustomCnn"),
        tags=("cnn",),
    )
    for network in NETWORKS:
        yield BackboneSpec(
            network.name,
            network.summary,
            partial(lazy("automedimg_backbones.applications:Application"), network),
            network.source,
            gmacs=network.gmacs,
            tags=("cnn", "imagenet"),
            default=network.default,
        )


@hookimpl
def automedimg_heads() -> Iterator[HeadSpec]:
    """Offer the dense head."""
    yield HeadSpec(
        "dense",
        "Dense layers with dropout, or a plain linear layer",
        lazy("automedimg_backbones.dense:Dense"),
    )
