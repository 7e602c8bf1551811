"""Plugins of installed packages: found, isolated, and listed when they are broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from automedimg.errors import PluginError, UnknownNameError
from automedimg.registry import Catalog, Plugin, load_catalog

Install = Callable[..., None]

GOOD = """
from automedimg.contracts import BackboneSpec, hookimpl

@hookimpl
def automedimg_backbones():
    yield BackboneSpec("{name}", "A network", lambda: "made {name}")
"""


def plugin_of(catalog: Catalog, distribution: str) -> Plugin:
    (plugin,) = [p for p in catalog.plugins if p.name.startswith(f"{distribution}:")]
    return plugin


def test_an_installed_package_adds_its_components(install: Install) -> None:
    install("zoo", "nets = zoo_plugin", "2.5", zoo_plugin=GOOD.format(name="tiny_zoo"))
    catalog = load_catalog()
    assert catalog.backbones.make("tiny_zoo") == "made tiny_zoo"
    assert plugin_of(catalog, "zoo") == Plugin("zoo:nets", "2.5")


def test_entry_points_of_other_groups_are_left_alone(install: Install) -> None:
    source = "raise RuntimeError('not yours to import')"
    install("other", "[console_scripts]\nother = other_plugin:main", other_plugin=source)
    assert not any(plugin.name.startswith("other:") for plugin in load_catalog().plugins)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import surely_not_installed", "No module named 'surely_not_installed'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        ("raise ValueError", "ValueError"),
    ],
)
def test_a_plugin_that_raises_on_import_costs_only_itself(
    install: Install, source: str, reason: str
) -> None:
    install("bad", "it = bad_plugin", bad_plugin=source)
    install("good", "it = good_plugin", good_plugin=GOOD.format(name="tiny_good"))
    catalog = load_catalog()
    assert reason in plugin_of(catalog, "bad").broken
    assert "\n" not in plugin_of(catalog, "bad").broken
    assert "tiny_good" in catalog.backbones.names()
    assert "br35h" in catalog.datasets.names()


def test_an_entry_point_to_nothing_is_a_broken_plugin(install: Install) -> None:
    install("gone", "it = gone_plugin:attribute", gone_plugin="")
    assert "attribute" in plugin_of(load_catalog(), "gone").broken


def test_a_malformed_entry_points_file_costs_only_itself(install: Install) -> None:
    install("garbled", "this line has no equals sign")
    assert "br35h" in load_catalog().datasets.names()


def test_two_packages_with_one_entry_point_name_both_load(install: Install) -> None:
    install("first", "networks = first_plugin", first_plugin=GOOD.format(name="tiny_first"))
    install("second", "networks = second_plugin", second_plugin=GOOD.format(name="tiny_second"))
    catalog = load_catalog()
    assert {"tiny_first", "tiny_second"} <= set(catalog.backbones.names())
    assert not plugin_of(catalog, "first").broken
    assert not plugin_of(catalog, "second").broken


def test_a_name_that_two_packages_claim_names_both(install: Install) -> None:
    install("first", "a = first_plugin", first_plugin=GOOD.format(name="twin"))
    install("second", "b = second_plugin", second_plugin=GOOD.format(name="twin"))
    catalog = load_catalog()
    with pytest.raises(PluginError, match="twin") as caught:
        catalog.backbones.get("twin")
    assert "`first:a`" in caught.value.message
    assert "`second:b`" in caught.value.message
    assert sorted(catalog.backbones.conflicts()["twin"]) == ["first:a", "second:b"]
    assert "twin" not in catalog.backbones.names()
    assert [entry.spec.name for entry in catalog.backbones.entries()].count("twin") == 2
    assert catalog.backbones.get("mobilenetv2").name == "mobilenetv2"


def test_a_name_from_a_broken_package_is_explained(install: Install) -> None:
    install("bad", "it = bad_plugin", bad_plugin="raise RuntimeError('no licence')")
    with pytest.raises(UnknownNameError) as caught:
        load_catalog().backbones.get("gem")
    assert caught.value.hint is not None
    assert "`bad:it` (RuntimeError: no licence)" in caught.value.hint


def test_a_distribution_on_the_path_twice_is_loaded_once(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    install("zoo", "nets = zoo_plugin", zoo_plugin=GOOD.format(name="tiny_zoo"))
    again = tmp_path_factory.mktemp("again")
    info = again / "zoo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[automedimg]\nnets = zoo_plugin\n")
    monkeypatch.syspath_prepend(str(again))
    catalog = load_catalog()
    assert catalog.backbones.make("tiny_zoo") == "made tiny_zoo"
    plugin_of(catalog, "zoo")  # exactly one


def test_what_ships_with_automedimg_comes_through_entry_points() -> None:
    catalog = load_catalog()
    assert {plugin.name.partition(":")[0] for plugin in catalog.plugins} >= {"automedimg"}
    assert not [plugin for plugin in catalog.plugins if plugin.broken]
    for shelf, names in [
        (catalog.datasets, {"br35h"}),
        (catalog.backbones, {"custom_cnn", "mobilenetv2", "resnet50v2"}),
        (catalog.heads, {"dense"}),
        (catalog.strategies, {"tpe", "random"}),
        (catalog.metrics, {"auc", "accuracy"}),
        (catalog.executors, {"local"}),
    ]:
        assert names <= set(shelf.names())
        assert all(entry.plugin.startswith("automedimg:") for entry in shelf.entries())
    assert Catalog().plugins == []
    assert Catalog().backbones.names() == []
