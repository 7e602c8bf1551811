"""Protocol files: what is read, and how everything that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from automedimg.errors import ConfigurationError, UnknownNameError
from automedimg.papers.files import load_protocol, shipped_protocols
from automedimg.papers.parsing import parse_protocol
from automedimg.papers.protocol import Protocol, Search

SMALL = """
format = 1
title = "A title"
summary = "A summary"
task = "br35h"

[paper]
citation = "Somebody (2020)"

[settings]
epochs = 3
fix = { optimizer = "adam", learning_rate = 1e-3 }

[split]
protocols = ["random", "grouped"]
test = 0.2
validation = 0.16

[models.cnn]
backbone = "custom_cnn"
fix = { learning_rate = 1e-4 }

[models.net]
backbone = "mobilenet"
search = { trials = 5, stop = "same:3" }
"""


def parse(text: str) -> Protocol:
    return parse_protocol(text, Path("mine.toml"))


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        parse(text)
    assert "docs/papers.md" in (error.value.hint or "")
    return error.value.message


def test_a_small_protocol_is_read() -> None:
    protocol = parse(SMALL)
    assert (protocol.name, protocol.task) == ("mine", "br35h")
    assert [model.name for model in protocol.models] == ["cnn", "net"]
    merged = protocol.models[0].settings.over(protocol.settings)
    assert merged.epochs == 3
    assert merged.fix == {"optimizer": "adam", "learning_rate": 1e-4}
    assert protocol.models[1].settings.search == Search(trials=5, stop="same:3")
    assert protocol.split.protocols == ("random", "grouped")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = SMALL.replace("format = 1", "format = 7").replace("epochs = 3", 'epoch = 3\nseed = "x"')
    text = text.replace('"random", "grouped"', '"randon"').replace("test = 0.2", "test = 20")
    text = text.replace('backbone = "mobilenet"', "backbone = 3\nparametres = 5")
    said = refused(text)
    assert said.startswith("`mine.toml` is no protocol")
    for part in (
        "`format` is `7`, expected 1",
        "unknown key `settings.epoch`; did you mean `epochs`?",
        "`settings.seed` is `'x'`, expected a whole number of 0 or more",
        "`split.protocols` names `randon`, expected some of random, patients, grouped; did",
        "`split.test` is `20`, expected a share between 0 and 1",
        "`models.net.backbone` is `3`, expected a text",
        "unknown key `models.net.parametres`; did you mean `parameters`?",
    ):
        assert part in said, part
    assert said.count("\n  - ") == 8  # the last: no backbone


def test_what_is_missing_is_said() -> None:
    said = refused("format = 1\n")
    for key in ("title", "summary", "task", "paper.citation", "split.protocols", "split.test"):
        assert f"`{key}` is missing, expected" in said, key
    assert "`models` is missing, expected at least one table `[models.NAME]`" in said


def test_no_toml_at_all() -> None:
    assert "is no TOML" in refused("title = [")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[axes]]\nname = "epochs"\nvalues = ["ten"]', "is `'ten'`, expected a whole number"),
        ('[[axes]]\nname = "epochs"', "`axes[1].steps` is missing, expected `values`"),
        ('[[axes]]\nname = "a"\nvalues = [1]\nmodels = ["cn"]', "did you mean `cnn`?"),
        ('[[axes]]\nname = "a"\nvalues = [1, 1]', "one name twice"),
        ('[ensembles.cnn]\nmodels = ["cnn", "net"]', "has the name of a model"),
        ('[[comparisons]]\nfirst = "cnn"\nsecond = "vgg"', "`comparisons[1].second` is `'vgg'`"),
        ('[[figures]]\nmodel = "cnn"\nscore = "auc"', "`figures[1].value` is missing"),
        ('[[readings]]\nabout = "it"', "`readings[1].why` is missing"),
        ("[sample]\nepoch = 2", "unknown key `sample.epoch`; did you mean `epochs`?"),
        ("[sample]\nfix = { a = [1] }", "`sample.fix`"),
    ],
)
def test_each_part_is_checked(more: str, said: str) -> None:
    assert said in refused(SMALL + "\n" + more)


def test_folds_and_a_validation_share_exclude_each_other() -> None:
    assert "`folds` instead of it" in refused(SMALL.replace("test = 0.2", "test = 0.2\nfolds = 3"))
    assert "less than what" in refused(SMALL.replace("validation = 0.16", "validation = 0.9"))


def test_plain_values_of_an_axis_set_what_it_is_called_after() -> None:
    text = SMALL + '\n[[axes]]\nname = "epochs"\nvalues = [1, 2]\n[[axes]]\nname="lo"\nvalues=["a"]'
    epochs, other = parse(text).axes
    assert [step.settings.epochs for step in epochs.steps] == [1, 2]
    assert [step.name for step in epochs.steps] == ["epochs-1", "epochs-2"]
    assert other.steps[0].settings.fix == {"lo": "a"}


def test_the_five_papers_are_shipped() -> None:
    names = {
        "adrenal-balamurugan",
        "br35h-jardim",
        "dbt-renukaradhya",
        "leukemia-zhang",
        "pcam-cancervisionnet",
    }
    assert set(shipped_protocols()) == names
    for name in names:
        protocol = load_protocol(name)
        assert protocol.name == name
        assert protocol.readings
        assert len(protocol.split.protocols) == 2  # the paper's own and a leak-free one
        assert protocol.split.protocols[-1] == "grouped"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL, encoding="utf-8")
    assert load_protocol(str(tmp_path / "mine.toml")).name == "mine"
    with pytest.raises(ConfigurationError, match="can't read"):
        load_protocol(str(tmp_path / "other.toml"))


def test_an_unknown_paper() -> None:
    with pytest.raises(UnknownNameError) as error:
        load_protocol("br35h")
    assert "did you mean `br35h-jardim`?" in (error.value.hint or "")
