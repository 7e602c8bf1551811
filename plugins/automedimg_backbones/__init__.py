"""The backbones and heads that ship with automedimg."""

from collections.abc import Iterator

from automedimg.contracts import BackboneSpec, HeadSpec, Source, hookimpl, lazy

MOBILENET = Source(
    "Howard et al. (2017), MobileNets, arXiv:1704.04861",
    "https://arxiv.org/abs/1704.04861",
    "Apache-2.0",
)
MOBILENET_V2 = Source(
    "Sandler et al. (2018), MobileNetV2, CVPR, arXiv:1801.04381",
    "https://arxiv.org/abs/1801.04381",
    "Apache-2.0",
)
RESNET_V2 = Source(
    "He et al. (2016), Identity Mappings in Deep Residual Networks, ECCV, arXiv:1603.05027",
    "https://arxiv.org/abs/1603.05027",
    "Apache-2.0",
)
AUTOKERAS = Source(
    "Jin et al. (2023), AutoKeras: An AutoML Library for Deep Learning, JMLR 24",
    "https://github.com/keras-team/autokeras",
    "Apache-2.0",
)
HOG = Source(
    "Dalal & Triggs (2005), Histograms of Oriented Gradients for Human Detection, CVPR",
    "https://doi.org/10.1109/CVPR.2005.177",
)
SVM = Source(
    "Cortes & Vapnik (1995), Support-Vector Networks, Machine Learning 20",
    "https://doi.org/10.1007/BF00994018",
)
FOREST = Source(
    "Breiman (2001), Random Forests, Machine Learning 45",
    "https://doi.org/10.1023/A:1010933404324",
)


@hookimpl
def automedimg_backbones() -> Iterator[BackboneSpec]:
    """Offer the searched CNN, AutoKeras's blocks, `keras.applications` networks, and HOG."""
    yield BackboneSpec(
        "autokeras",
        "AutoKeras's blocks: plain convolutions, ResNet or Xception, from scratch",
        lazy("automedimg_backbones.autokeras:AutoKeras"),
        AUTOKERAS,
        gmacs=4.6,  # of its largest, Xception
        tags=("cnn",),
    )
    yield BackboneSpec(
        "custom_cnn",
        "A small CNN whose architecture is searched",
        lazy("automedimg_backbones.custom_cnn:CustomCnn"),
        tags=("cnn",),
    )
    yield BackboneSpec(
        "hog_pca",
        "Histograms of oriented gradients, reduced to principal components; no network",
        lazy("automedimg_backbones.hog_pca:HogPca"),
        HOG,
        gmacs=0.08,  # it has hardly any; this is its time beside a MobileNetV2's
        tags=("descriptor",),
    )
    yield BackboneSpec(
        "mobilenet",
        "MobileNet, depthwise separable convolutions",
        lazy("automedimg_backbones.applications:MobileNet"),
        MOBILENET,
        gmacs=0.57,
        tags=("cnn", "imagenet"),
    )
    yield BackboneSpec(
        "mobilenetv2",
        "MobileNetV2, inverted residuals",
        lazy("automedimg_backbones.applications:MobileNetV2"),
        MOBILENET_V2,
        gmacs=0.30,
        tags=("cnn", "imagenet"),
    )
    yield BackboneSpec(
        "resnet50v2",
        "ResNet50V2, pre-activation residuals",
        lazy("automedimg_backbones.applications:ResNet50V2"),
        RESNET_V2,
        gmacs=3.5,
        tags=("cnn", "imagenet"),
    )


@hookimpl
def automedimg_heads() -> Iterator[HeadSpec]:
    """Offer the dense head, and those that scikit-learn fits to a frozen backbone's features."""
    yield HeadSpec(
        "dense",
        "Dense layers with dropout, or a plain linear layer",
        lazy("automedimg_backbones.dense:Dense"),
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
        FOREST,
        default=False,
    )
    yield HeadSpec(
        "svm",
        "Support vector machine on a frozen backbone's features, with probabilities",
        lazy("automedimg_backbones.svm:Svm"),
        SVM,
    )
