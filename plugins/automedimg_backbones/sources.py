"""Papers and licences of the networks.

The licence is that of the pretrained weights, as the project that published them gives it; the code
that builds the networks is Keras's (Apache-2.0).
"""

from automedimg.contracts import Source

AUTOKERAS = Source(
    "Jin et al. (2023), AutoKeras: An AutoML Library for Deep Learning, JMLR 24",
    "https://github.com/keras-team/autokeras",
    "Apache-2.0",
)
CANCERVISIONNET = Source("CancerVisionNet, Table 3 of its paper on PatchCamelyon")
CONVNEXT = Source(
    "Liu et al. (2022), A ConvNet for the 2020s, CVPR, arXiv:2201.03545",
    "https://arxiv.org/abs/2201.03545",
    "MIT",
)
DENSENET = Source(
    "Huang et al. (2017), Densely Connected Convolutional Networks, CVPR, arXiv:1608.06993",
    "https://arxiv.org/abs/1608.06993",
    "BSD-3-Clause",
)
EFFICIENTNET = Source(
    "Tan & Le (2019), EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
    "ICML, arXiv:1905.11946",
    "https://arxiv.org/abs/1905.11946",
    "Apache-2.0",
)
EFFICIENTNET_V2 = Source(
    "Tan & Le (2021), EfficientNetV2: Smaller Models and Faster Training, ICML, arXiv:2104.00298",
    "https://arxiv.org/abs/2104.00298",
    "Apache-2.0",
)
FOREST = Source(
    "Breiman (2001), Random Forests, Machine Learning 45",
    "https://doi.org/10.1023/A:1010933404324",
)
HOG = Source(
    "Dalal & Triggs (2005), Histograms of Oriented Gradients for Human Detection, CVPR",
    "https://doi.org/10.1109/CVPR.2005.177",
)
INCEPTION_V3 = Source(
    "Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision, CVPR, "
    "arXiv:1512.00567",
    "https://arxiv.org/abs/1512.00567",
    "Apache-2.0",
)
JARDIM = Source("Jardim et al., a CNN and ResNet50V2 on Br35H")
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
NASNET = Source(
    "Zoph et al. (2018), Learning Transferable Architectures for Scalable Image Recognition, CVPR, "
    "arXiv:1707.07012",
    "https://arxiv.org/abs/1707.07012",
    "Apache-2.0",
)
RESNET = Source(
    "He et al. (2016), Deep Residual Learning for Image Recognition, CVPR, arXiv:1512.03385",
    "https://arxiv.org/abs/1512.03385",
    "MIT",
)
RESNET_V2 = Source(
    "He et al. (2016), Identity Mappings in Deep Residual Networks, ECCV, arXiv:1603.05027",
    "https://arxiv.org/abs/1603.05027",
    "Apache-2.0",
)
VGG = Source(
    "Simonyan & Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image "
    "Recognition, ICLR, arXiv:1409.1556",
    "https://arxiv.org/abs/1409.1556",
    "CC-BY-4.0",
)
XCEPTION = Source(
    "Chollet (2017), Xception: Deep Learning with Depthwise Separable Convolutions, CVPR, "
    "arXiv:1610.02357",
    "https://arxiv.org/abs/1610.02357",
    "MIT",
)
ZHANG = Source("Zhang, a CNN against HOG and classical classifiers on blood smears of B-ALL")
SVM = Source(
    "Cortes & Vapnik (1995), Support-Vector Networks, Machine Learning 20",
    "https://doi.org/10.1007/BF00994018",
)
