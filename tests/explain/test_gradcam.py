"""Grad-CAM finds what a network was made to look at."""

import numpy as np
import pytest

from automedimg.errors import RunError
from automedimg.training.backend import load_keras


@pytest.fixture(scope="module")
def classifier():
    """A network whose class 1 is brightness, whose class 0 is nothing."""
    keras = load_keras()
    image = keras.Input((32, 32, 1))
    maps = keras.layers.AveragePooling2D(4, name="maps")(image)
    backbone = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
    features = keras.Input((1,))
    head = keras.Model(features, keras.layers.Dense(2)(features))
    head.set_weights([np.array([[0.0, 1.0]]), np.zeros(2)])
    entry = keras.Input((32, 32, 1))
    return keras.Model(entry, keras.layers.Softmax()(head(backbone(entry))))


def test_the_map_lights_up_where_the_evidence_is(classifier):
    from automedimg.explain.gradcam import GradCam, overlay

    image = np.zeros((32, 32, 1), dtype=np.uint8)
    image[4:12, 20:28] = 255
    cam = GradCam(classifier, "maps").explain(image, 1)
    assert cam.shape == (32, 32)
    assert cam.min() >= 0 and cam.max() <= 1
    assert cam[4:12, 20:28].mean() > 0.7
    assert cam[20:, :].max() < 0.05
    drawn = overlay(image, cam)
    assert drawn.size == (32, 32) and drawn.mode == "RGB"
    assert drawn.getpixel((0, 31)) == (0, 0, 0)


def test_a_class_without_evidence_stays_dark(classifier):
    from automedimg.explain.gradcam import GradCam

    image = np.full((32, 32, 1), 200, dtype=np.uint8)
    assert GradCam(classifier, "maps").explain(image, 0).max() == 0


def test_other_models_are_refused(classifier):
    from automedimg.explain.gradcam import GradCam

    with pytest.raises(RunError, match="can't be explained"):
        GradCam(classifier, "no such layer")


def test_one_logit_speaks_for_the_second_class_and_against_the_first(classifier):
    """Brightness is the evidence of class 1; darkness, a negative weight, that of class 0."""
    from automedimg.explain.gradcam import GradCam
    from automedimg.training.network import complete_logits

    keras = load_keras()
    image = np.zeros((32, 32, 1), dtype=np.uint8)
    image[4:12, 20:28] = 255
    for weight, label in ((1.0, 1), (-1.0, 0)):
        features = keras.Input((1,))
        head = keras.Model(features, keras.layers.Dense(1)(features))
        head.set_weights([np.array([[weight]]), np.zeros(1)])
        backbone = classifier.layers[1]
        entry = keras.Input((32, 32, 1))
        logits = complete_logits(head, 2)(backbone(entry))
        whole = keras.Model(entry, keras.layers.Softmax()(logits))
        cam = GradCam(whole, "maps").explain(image, label)
        assert cam[4:12, 20:28].mean() > 0.7
        assert GradCam(whole, "maps").explain(image, 1 - label).max() == 0
