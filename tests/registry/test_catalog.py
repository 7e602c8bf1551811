"""The catalog: what plugins answer, what names find, who hears events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from automedimg.contracts import (
    BackboneSpec,
    HeadSpec,
    MetricSpec,
    Notice,
    hookimpl,
    lazy,
    lazy_attribute,
)
from automedimg.errors import PluginError, UnknownNameError
from automedimg.registry import Catalog, hookspecs
from automedimg.registry.discovery import hook_names


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """A plugin object with these hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def backbones(*names: str) -> SimpleNamespace:
    specs = [BackboneSpec(name, "A network", lambda name=name: name) for name in names]
    return plugin(automedimg_backbones=lambda: specs)


def raises(error: BaseException) -> Any:
    def function(*_: Any) -> Any:
        raise error

    return function


def half_broken() -> Iterable[BackboneSpec]:
    yield BackboneSpec("early", "Yielded before it breaks", object)
    raise RuntimeError("half way")


def test_what_a_search_considers_is_what_was_asked_for_or_the_default(catalog: Catalog) -> None:
    specs = [BackboneSpec(n, "A network", object, default=n != "b") for n in ("c", "b", "a")]
    catalog.add(plugin(automedimg_backbones=lambda: specs), "demo")
    assert catalog.backbones.considered(()) == ["a", "c"]
    assert catalog.backbones.considered(("b", "a")) == ["b", "a"]
    assert catalog.backbones.considered(("all",)) == ["a", "b", "c"]


def test_no_component_that_can_be_asked_for_is_called_all(catalog: Catalog) -> None:
    found = catalog.add(backbones("all"), "demo")
    assert "stands for every one" in found.broken
    assert catalog.backbones.names() == []


def test_a_plugin_fills_every_shelf_it_has_a_hook_for(catalog: Catalog) -> None:
    catalog.add(
        plugin(
            automedimg_backbones=lambda: [BackboneSpec("net", "A network", object)],
            automedimg_heads=lambda: iter([HeadSpec("top", "A head", object)]),
            automedimg_metrics=lambda: (MetricSpec("score", "A metric", object),),
        ),
        "demo",
    )
    assert catalog.backbones.names() == ["net"]
    assert catalog.heads.names() == ["top"]
    assert catalog.metrics.names() == ["score"]
    assert catalog.heads.entries()[0].plugin == "demo"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: None, "automedimg_backbones: TypeError"),
        (lambda: 7, "automedimg_backbones: TypeError"),
        (lambda: ["mobilenet"], "returned a str, expected BackboneSpec"),
        (lambda: [BackboneSpec], "returned a type, expected BackboneSpec"),
        (lambda: [HeadSpec("a", "b", object)], "returned a HeadSpec, expected BackboneSpec"),
        (raises(RuntimeError("boom")), "automedimg_backbones: RuntimeError: boom"),
        (half_broken, "automedimg_backbones: RuntimeError: half way"),
    ],
)
def test_a_nonsensical_answer_breaks_the_plugin_and_only_it(
    catalog: Catalog, answer: Any, reason: str
) -> None:
    bad = plugin(
        automedimg_heads=lambda: [HeadSpec("fine", "But its plugin is not", object)],
        automedimg_backbones=answer,
        automedimg_event=raises(AssertionError("a broken plugin hears nothing")),
    )
    assert reason in catalog.add(bad, "bad").broken
    catalog.add(backbones("net"), "good")
    assert catalog.backbones.names() == ["net"]
    assert catalog.heads.names() == []
    assert catalog.notify(Notice("hello")) == []
    assert [p.name for p in catalog.plugins if p.broken] == ["bad"]


def test_a_hook_that_exits_costs_only_its_plugin(catalog: Catalog) -> None:
    bad = plugin(automedimg_backbones=raises(SystemExit(3)))
    try:
        broken = catalog.add(bad, "bad").broken
    except SystemExit:
        broken = ""
    assert "SystemExit" in broken


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("automedimg_backbone", "automedimg_backbones"), ("automedimg_event_", "automedimg_event")],
)
def test_a_misspelt_hook_breaks_the_plugin(catalog: Catalog, wrong: str, meant: str) -> None:
    bad = catalog.add(plugin(**{wrong: lambda: []}), "bad")
    assert f"unknown hook `{wrong}`" in bad.broken
    assert f"did you mean `{meant}`" in bad.broken


def test_a_hook_with_a_wrong_signature_breaks_the_plugin(catalog: Catalog) -> None:
    bad = catalog.add(plugin(automedimg_heads=lambda surplus: []), "bad")
    assert "automedimg_heads" in bad.broken
    assert catalog.heads.names() == []


def test_a_plugin_that_can_not_be_registered_hears_nothing(catalog: Catalog) -> None:
    heard: list[Any] = []
    bad = plugin(
        automedimg_event=lambda event: heard.append(event),
        automedimg_heads=lambda surplus: [],
    )
    assert catalog.add(bad, "bad").broken
    catalog.notify(Notice("hello"))
    assert heard == []


def test_helpers_that_are_no_hooks_may_have_any_name(catalog: Catalog) -> None:
    module = backbones("net")
    module.automedimg_helper = lambda: 1
    assert catalog.add(module, "demo").broken == ""


def test_an_unknown_name_suggests_a_close_one_and_the_listing(catalog: Catalog) -> None:
    catalog.add(backbones("mobilenet", "resnet"), "demo")
    with pytest.raises(UnknownNameError, match="unknown backbone `mobilnet`") as caught:
        catalog.backbones.get("mobilnet")
    assert caught.value.hint is not None
    assert "did you mean `mobilenet`?" in caught.value.hint
    assert "`automedimg plugins` lists all" in caught.value.hint
    assert "broken" not in caught.value.hint


def test_nothing_is_suggested_where_nothing_is_close(catalog: Catalog) -> None:
    with pytest.raises(UnknownNameError, match="unknown task `xyz`") as caught:
        catalog.datasets.get("xyz")
    assert caught.value.hint == "`automedimg tasks` lists all of them"


def test_one_plugin_may_not_claim_a_name_twice(catalog: Catalog) -> None:
    catalog.add(backbones("net", "net"), "demo")
    with pytest.raises(PluginError, match="claimed by `demo` and `demo`"):
        catalog.backbones.get("net")


def test_a_missing_dependency_comes_with_the_line_that_installs_it(catalog: Catalog) -> None:
    spec = BackboneSpec("net", "A network", lazy("surely_not_installed.networks:Net"))
    catalog.add(plugin(automedimg_backbones=lambda: [spec]), "demo")
    with pytest.raises(PluginError, match="backbone `net` can't be loaded") as caught:
        catalog.backbones.make("net")
    assert caught.value.hint is not None
    assert "pip install surely_not_installed" in caught.value.hint


def test_a_factory_that_raises_is_a_plugin_error_without_an_install_line(catalog: Catalog) -> None:
    spec = BackboneSpec("net", "A network", raises(RuntimeError("no\nGPU")))
    catalog.add(plugin(automedimg_backbones=lambda: [spec]), "demo")
    with pytest.raises(PluginError, match=r"RuntimeError: no GPU$") as caught:
        catalog.backbones.make("net")
    assert caught.value.hint is None
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_factory_gets_the_arguments(catalog: Catalog) -> None:
    spec = BackboneSpec("net", "A network", lambda *given: given)  # type: ignore[arg-type]
    catalog.add(plugin(automedimg_backbones=lambda: [spec]), "demo")
    assert catalog.backbones.make("net", 3) == (3,)


def test_a_listener_that_raises_is_dropped_and_the_others_hear_on(catalog: Catalog) -> None:
    heard: list[Any] = []
    catalog.add(plugin(automedimg_event=raises(RuntimeError("tracker is down"))), "tracker")
    catalog.add(plugin(automedimg_event=lambda event: heard.append(event)), "notifier")
    assert catalog.notify(Notice("one")) == ["`tracker`: RuntimeError: tracker is down"]
    assert catalog.notify(Notice("two")) == []
    assert heard == [Notice("one"), Notice("two")]


def test_a_dropped_listener_keeps_its_components(catalog: Catalog) -> None:
    module = backbones("net")
    module.automedimg_event = hookimpl(raises(RuntimeError("down")))
    catalog.add(module, "demo")
    catalog.notify(Notice("one"))
    assert catalog.backbones.make("net") == "net"


def test_lazy_factories_import_when_they_are_called() -> None:
    factory = lazy("surely_not_installed:Thing")
    with pytest.raises(ModuleNotFoundError):
        factory()
    assert lazy("collections:OrderedDict")() == {}
    assert lazy_attribute("math:pi")() == pytest.approx(3.14159, abs=1e-5)


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_is_documented_with_an_example_of_its_signature(hook: str) -> None:
    function = getattr(hookspecs, hook)
    arguments = ", ".join(inspect.signature(function).parameters)
    assert "@hookimpl" in function.__doc__
    assert f"def {hook}({arguments}):" in function.__doc__


def test_every_hook_that_yields_specs_has_a_shelf(catalog: Catalog) -> None:
    assert {*catalog.shelves(), "automedimg_event"} == set(hook_names())
