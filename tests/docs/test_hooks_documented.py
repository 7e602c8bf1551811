"""The documentation says what the code says."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from automedimg.cli.main import app
from automedimg.registry import Catalog, hookspecs, load_catalog
from automedimg.registry.discovery import hook_names
from automedimg.testing import checks_for

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "docs" / "hooks"
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md")])
SPEC_HOOKS = [name for name in hook_names() if name != "automedimg_event"]
SLOW = ("automedimg_backbones", "automedimg_heads", "automedimg_executors")


def signature(name):
    (function,) = ast.parse(inspect.getsource(getattr(hookspecs, name))).body
    return f"def {name}({ast.unparse(function.args)}) -> {ast.unparse(function.returns)}"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def plugin_of(page):
    """The example of a hook's page, as a module in a catalog."""
    (code,) = blocks(page, "python")
    module = ModuleType(f"example_of_{page.stem}")
    exec(compile(code, str(page), "exec"), module.__dict__)
    catalog = Catalog()
    return catalog, catalog.add(module, page.stem)


# Hooks


@pytest.mark.parametrize("name", hook_names())
def test_hook_has_a_page_with_its_signature(name):
    assert signature(name) in [block.strip() for block in blocks(HOOKS / f"{name}.md", "")]


@pytest.mark.parametrize("name", hook_names())
def test_hook_is_in_the_index(name):
    assert f"[{name}]({name}.md)" in (HOOKS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", hook_names())
def test_docstring_holds_an_example(name):
    documentation = inspect.getdoc(getattr(hookspecs, name))
    assert "Example::" in documentation
    assert f"@hookimpl\n    def {name}(" in documentation


def test_no_page_without_a_hook():
    assert {page.stem for page in HOOKS.glob("automedimg_*.md")} == set(hook_names())


@pytest.mark.parametrize("name", hook_names())
def test_example_can_be_registered(name):
    catalog, plugin = plugin_of(HOOKS / f"{name}.md")
    assert plugin.broken == ""
    offered = [hook for hook, (shelf, _) in catalog.shelves().items() if shelf.names()]
    assert offered == ([name] if name in SPEC_HOOKS else [])


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in SPEC_HOOKS]
)
def test_example_passes_the_contract_checks(name):
    catalog, _ = plugin_of(HOOKS / f"{name}.md")
    checks = list(checks_for(catalog))
    assert checks
    for check in checks:
        check()


# Links and commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    relative = [t.partition("#")[0] for t in targets if "://" not in t and not t.startswith("#")]
    assert [target for target in relative if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_with_their_options(page):
    commands = known_commands()
    problems = []
    for line in command_lines(page.read_text(encoding="utf-8")):
        name, options = what_is_called(line, commands)
        if name is None:
            problems.append(f"unknown command: {line}")
        else:
            problems += [f"unknown {o}: {line}" for o in options if o not in commands[name]]
    assert problems == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_alone_exist(page):
    """An option that is named outside a command, as in `--sample`, is one of some command's."""
    options = set().union(*known_commands().values())
    named = re.findall(r"`(--[a-z][a-z-]*)", page.read_text(encoding="utf-8"))
    assert set(named) - options == set()


def known_commands():
    """Words of a command -> its options."""
    found = {}

    def add(words, command, parents):
        with click.Context(command) as context:
            options = {o for p in command.params if p.param_type_name == "option" for o in p.opts}
            own = options | {"--help"} | parents
            found[words] = own
            if isinstance(command, click.Group):
                for name in command.list_commands(context):
                    add((*words, name), command.get_command(context, name), own)

    add((), app, set())
    return found


def command_lines(text):
    """What stands in code after `automedimg `; a backslash continues a line."""
    text = text.replace("\\\n", " ")
    code = [*re.findall(r"```.*?\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)]
    lines = [line.strip().removeprefix("$ ") for block in code for line in block.splitlines()]
    lines = [re.sub(r"^(\w+=\S+ )*(\.venv/bin/)?", "", line) for line in lines]
    return [line.partition(" #")[0] for line in lines if re.match(r"automedimg [a-z-]", line)]


def what_is_called(line, commands):
    """The command's words, and the options on the line."""
    words = line.split()[1:]
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    name = ()
    for word in words:
        if (*name, word) in commands:
            name = (*name, word)
        elif not name and not word.startswith("-") and word != "...":
            return None, options
        elif name:
            break
    return name, options


# Networks


def test_every_network_and_head_that_ships_is_listed_as_it_is():
    """A row of `docs/networks.md` for each: by default or not, and its cost."""
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    rows = {}
    for line in re.findall(r"^\| `.*$", text, re.MULTILINE):
        name, default, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        rows[name.strip("`")] = (default == "yes", rest[0])
    catalog = load_catalog()
    own = [e for shelf in (catalog.backbones, catalog.heads) for e in shelf.entries()]
    specs = {e.spec.name: e.spec for e in own if e.plugin.startswith("automedimg:")}
    assert set(rows) == set(specs)
    for name, spec in specs.items():
        default, cost = rows[name]
        assert default == spec.default, name
        if hasattr(spec, "gmacs"):
            assert float(cost or 0) == spec.gmacs, name
