"""The networks of `keras.applications`, as a table of facts.

What stands here is what Keras's own code says (3.15): the tests hold each row against it. Nothing
here imports Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from automedimg.contracts import Source, Weights
from automedimg_backbones import sources

GOOGLE = "https://storage.googleapis.com"
HOST = f"{GOOGLE}/tensorflow/keras-applications"

Scaling = Literal["caffe", "inside", "tf", "torch"]
"""Keras's names of what a network wants of its pixels; `inside`: it has layers of its own for it.

``caffe`` is blue, green, red, minus ImageNet's means; ``tf`` is [-1, 1]; ``torch`` is ImageNet's
mean and standard deviation.
"""


@dataclass(frozen=True, slots=True)
class Network:
    """One network.

    Args:
        name: Of the backbone.
        constructor: Of the network, in `keras.applications`.
        summary: One line.
        source: Paper, and licence of the weights.
        gmacs: Multiply-accumulates of one 224 x 224 image, in 10^9, of the widest variant.
        scaling: What it wants of its pixels.
        weights: ImageNet weights without the classification top.
        alphas: Widths that can be chosen; empty where there is one.
        min_side: Smallest image, in pixels.
        default: Whether a search that names no backbones considers it.
    """

    name: str
    constructor: str
    summary: str
    source: Source
    gmacs: float
    scaling: Scaling
    weights: tuple[Weights, ...]
    alphas: tuple[float, ...] = ()
    min_side: int = 32
    default: bool = False


def _imagenet(own: str, url: str, md5: str = "", *, saved: str = "", sha256: str = "") -> Weights:
    """Weights of a network that comes in one width.

    Args:
        own: Stem of a file that Keras 3 wrote (`save_weights`).
        url: The publisher's file.
        md5, sha256: Its checksum.
        saved: What Keras calls its copy, if not as the publisher does.
    """
    files = (f"{own}.weights.h5", saved or url.rpartition("/")[2])
    return Weights("imagenet", {}, files, url, md5, sha256=sha256)


def _of_width(alpha: float, own: str, url: str) -> Weights:
    files = (f"{own}_{alpha:.2f}_224.weights.h5", url.rpartition("/")[2])
    return Weights("imagenet", {"alpha": alpha}, files, url)


_KERNELS = "weights_tf_dim_ordering_tf_kernels_notop.h5"
_V1_ALPHAS = (0.25, 0.5, 0.75, 1.0)
_V2_ALPHAS = (0.35, 0.5, 0.75, 1.0)
_V1_TEXTS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}

_MOBILE = (
    Network(
        "mobilenet",
        "MobileNet",
        "MobileNet, depthwise separable convolutions",
        sources.MOBILENET,
        0.57,
        "tf",
        tuple(
            _of_width(
                alpha,
                "mobilenet",
                f"{HOST}/mobilenet/mobilenet_{_V1_TEXTS[alpha]}_224_tf_no_top.h5",
            )
            for alpha in _V1_ALPHAS
        ),
        _V1_ALPHAS,
        default=True,
    ),
    Network(
        "mobilenetv2",
        "MobileNetV2",
        "MobileNetV2, inverted residuals",
        sources.MOBILENET_V2,
        0.30,
        "tf",
        tuple(
            _of_width(
                alpha,
                "mobilenetv2",
                f"{HOST}/mobilenet_v2/"
                f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
            )
            for alpha in _V2_ALPHAS
        ),
        _V2_ALPHAS,
        default=True,
    ),
    Network(
        "nasnetmobile",
        "NASNetMobile",
        "NASNet-A for phones, cells found by a search",
        sources.NASNET,
        0.56,
        "tf",
        (
            _imagenet(
                "nasnetmobile",
                f"{HOST}/nasnet/NASNet-mobile-no-top.h5",
                "1ed92395b5b598bdda52abe5c0dbfd63",
                saved="nasnet_mobile_no_top.h5",
            ),
        ),
    ),
)


def _vgg(layers: int, gmacs: float, md5: str) -> Network:
    name = f"vgg{layers}"
    weights = _imagenet(name, f"{HOST}/{name}/{name}_{_KERNELS}", md5)
    summary = f"VGG, {layers} layers of plain 3 x 3 convolutions"
    return Network(name, name.upper(), summary, sources.VGG, gmacs, "caffe", (weights,))


def _resnet(layers: int, gmacs: float, md5: str) -> Network:
    name = f"resnet{layers}"
    weights = _imagenet(name, f"{HOST}/resnet/{name}_{_KERNELS}", md5)
    summary = f"ResNet{layers}, residuals"
    return Network(name, f"ResNet{layers}", summary, sources.RESNET, gmacs, "caffe", (weights,))


def _resnet_v2(layers: int, gmacs: float, md5: str, *, own: str, default: bool) -> Network:
    name = f"resnet{layers}v2"
    return Network(
        name,
        f"ResNet{layers}V2",
        f"ResNet{layers}V2, pre-activation residuals",
        sources.RESNET_V2,
        gmacs,
        "tf",
        (_imagenet(own, f"{HOST}/resnet/{name}_{_KERNELS}", md5),),
        default=default,
    )


def _densenet(layers: int, gmacs: float, md5: str) -> Network:
    name = f"densenet{layers}"
    weights = _imagenet(name, f"{HOST}/densenet/{name}_{_KERNELS}", md5)
    summary = f"DenseNet{layers}, each layer sees all before it in its block"
    constructor = f"DenseNet{layers}"
    return Network(name, constructor, summary, sources.DENSENET, gmacs, "torch", (weights,))


_CLASSIC = (
    _vgg(16, 15.3, "6d6bbae143d832006294945121d1f1fc"),
    _vgg(19, 19.5, "253f8cb515780f3b799900260a226db6"),
    _resnet(50, 3.9, "4d473c1dd8becc155b73f8504c6f6626"),
    _resnet(101, 7.6, "88cf7a10940856eca736dc7b7e228a21"),
    _resnet_v2(50, 3.5, "fac2f116257151a9d068a22e544a4917", own="resnet50v2_224", default=True),
    _resnet_v2(101, 7.2, "c0ed64b8031c3730f411d2eb4eea35b5", own="resnet101v2", default=False),
    _densenet(121, 2.8, "30ee3e1110167f948a6b9946edeeb738"),
    _densenet(169, 3.4, "b8c4d4c20dd625c148057b9ff1c1176b"),
    Network(
        "inceptionv3",
        "InceptionV3",
        "InceptionV3, convolutions of several sizes side by side",
        sources.INCEPTION_V3,
        2.8,
        "tf",
        (
            _imagenet(
                "inceptionv3",
                f"{HOST}/inception_v3/inception_v3_{_KERNELS}",
                "bcbd6486424b2319ff4ef7d526e38f63",
            ),
        ),
        min_side=75,
    ),
    Network(
        "xception",
        "Xception",
        "Xception, separable convolutions with residuals",
        sources.XCEPTION,
        4.6,
        "tf",
        (
            _imagenet(
                "xception",
                f"{HOST}/xception/xception_{_KERNELS}",
                "b0042744bf5b25fce3cb969f33bebb97",
            ),
        ),
        min_side=71,
    ),
)


def _efficientnet(size: str, gmacs: float, md5: str) -> Network:
    name = f"efficientnet{size.lower()}"
    weights = _imagenet(name, f"{GOOGLE}/keras-applications/{name}_notop.h5", md5)
    summary = f"EfficientNet{size}, depth, width and squeeze-and-excitation in proportion"
    constructor = f"EfficientNet{size}"
    return Network(name, constructor, summary, sources.EFFICIENTNET, gmacs, "inside", (weights,))


def _efficientnet_v2(size: str, gmacs: float, md5: str) -> Network:
    name = f"efficientnetv2{size.lower()}"
    url = f"{HOST}/efficientnet_v2/efficientnetv2-{size.lower()}_notop.h5"
    return Network(
        name,
        f"EfficientNetV2{size}",
        f"EfficientNetV2-{size}, fused blocks first: faster to train",
        sources.EFFICIENTNET_V2,
        gmacs,
        "inside",
        (_imagenet(name, url, md5),),
    )


_RECENT = (
    _efficientnet("B0", 0.39, "50bc09e76180e00e4465e1a485ddc09d"),
    _efficientnet("B1", 0.57, "74c4e6b3e1f6a1eea24c589628592432"),
    _efficientnet("B2", 0.66, "111f8e2ac8aa800a7a99e3239f7bfb39"),
    _efficientnet("B3", 0.96, "af6d107764bb5b1abb91932881670226"),
    _efficientnet("B4", 1.5, "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    _efficientnet_v2("B0", 0.72, "893217f2bb855e2983157299931e43ff"),
    _efficientnet_v2("B1", 1.0, "0e80663031ca32d657f9caa404b6ec37"),
    _efficientnet_v2("B2", 1.2, "1dfe2e7a5d45b6632553a8961ea609eb"),
    _efficientnet_v2("B3", 1.6, "f6abf7b5849ac99a89b50dd3fd532856"),
    _efficientnet_v2("S", 2.8, "af0682fb74e8c54910f2d4393339c070"),
    Network(
        "convnexttiny",
        "ConvNeXtTiny",
        "ConvNeXt-T, a ResNet with the ways of a transformer",
        sources.CONVNEXT,
        4.5,
        "inside",
        (
            _imagenet(
                "convnexttiny",
                f"{HOST}/convnext/convnext_tiny_notop.h5",
                sha256="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            ),
        ),
    ),
)

NETWORKS: tuple[Network, ...] = (*_MOBILE, *_CLASSIC, *_RECENT)
