"""The backbones and heads that ship with automedimg."""

from collections.abc import Iterator
from functools import partial

from automedimg.contracts import BackboneSpec, HeadSpec, hookimpl, lazy
from automedimg_backbones import sources
from automedimg_backbones.keras_networks import NETWORKS


@hookimpl
def automedimg_backbones() -> Iterator[BackboneSpec]:
    """Offer the searched CNN, AutoKeras's blocks, `keras.applications`, papers' networks, HOG."""
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
    yield BackboneSpec(
        "cancervisionnet",
        "CancerVisionNet: nine convolutions and 512 units, for patches of 96 x 96",
        lazy("automedimg_backbones.cancervisionnet:CancerVisionNet"),
        sources.CANCERVISIONNET,
        gmacs=3.4,
        tags=("cnn", "paper"),
        default=False,
    )
    yield BackboneSpec(
        "hog_pca",
        "Histograms of oriented gradients, reduced to principal components; no network",
        lazy("automedimg_backbones.hog_pca:HogPca"),
        sources.HOG,
        gmacs=0.08,  # it has hardly any; this is its time beside a MobileNetV2's
        tags=("descriptor",),
    )
    yield BackboneSpec(
        "jardim_cnn",
        "Two convolutions of 32 filters, flattened, of a paper on Br35H",
        lazy("automedimg_backbones.jardim_cnn:JardimCnn"),
        sources.JARDIM,
        gmacs=0.49,
        tags=("cnn", "paper"),
        default=False,
    )
    yield BackboneSpec(
        "zhang_cnn",
        "Three convolutions of grey images, flattened, of a paper on leukaemia",
        lazy("automedimg_backbones.zhang_cnn:ZhangCnn"),
        sources.ZHANG,
        gmacs=0.75,
        tags=("cnn", "paper"),
        default=False,
    )


@hookimpl
def automedimg_heads() -> Iterator[HeadSpec]:
    """Offer dense heads, and those that scikit-learn fits to a frozen backbone's features."""
    yield HeadSpec(
        "dense",
        "Dense layers with dropout, or a plain linear layer",
        lazy("automedimg_backbones.dense:Dense"),
    )
    yield HeadSpec(
        "layers",
        "Any dense layers, written as text, with a softmax or a sigmoid",
        lazy("automedimg_backbones.layers:Layers"),
        default=False,
    )
    yield HeadSpec(
        "logistic",
        "Logistic regression on a frozen backbone's features",
        lazy("automedimg_backbones.logistic:Logistic"),
    )
    yield HeadSpec(
        "random_forest",
        "Random forest on a frozen backbone's features",
        lazy("automedimg_backbones.forest:RandomForest"),
        sources.FOREST,
        default=False,
    )
    yield HeadSpec(
        "svm",
        "Support vector machine on a frozen backbone's features, with probabilities",
        lazy("automedimg_backbones.svm:Svm"),
        sources.SVM,
    )
