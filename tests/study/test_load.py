"""Study files: what is read, and every mistake with its file, its key and its levels, all at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from aging.campaign.key_paths import KeyPath
from aging.campaign.load import STUDY_KEYS, parse_campaign
from aging.campaign.schema import Campaign
from aging.core.errors import CampaignError, Mistake
from aging.study import load
from aging.study.cells import cells_of
from aging.study.load import is_study, load_study, study_of_campaign
from aging.study.schema import HostsTable, StudyFile
from tests.builders import GOOD, KINDS

Write = Callable[..., Path]

STUDY = 'name = "s"\ncampaign = "campaign.toml"\n'
CACHE = '"deployment[b].cache_ram_mib"'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, campaign: str = GOOD) -> Path:
        (tmp_path / "campaign.toml").write_text(campaign)
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return written


def wrong(path: Path) -> dict[str, Mistake]:
    with pytest.raises(CampaignError) as caught:
        load_study(path, KINDS)
    assert caught.value.subject == str(path)
    return {one.where: one for one in caught.value.mistakes}


def test_a_study_is_told_from_a_campaign_by_its_key(write: Write) -> None:
    path = write(STUDY)
    assert is_study(path)
    assert is_study(STUDY)
    assert not is_study(path.with_name("campaign.toml"))
    assert not is_study(GOOD)
    assert not is_study("[table]\ncampaign = 'x'")
    assert not is_study("campaign = ")
    assert not is_study(path.with_name("none.toml"))
    assert not is_study(path.parent)


def test_every_combination_is_a_campaign_with_its_levels(write: Write) -> None:
    path = write(f'{STUDY}replicates = 2\n[matrix]\n{CACHE} = [0, 64]\n"load.arrivals.rate" = [1.0, 4.0, 9.0]')
    cells = cells_of(load_study(path, KINDS))
    assert len(cells) == 12
    assert len({cell.name for cell in cells}) == 12
    assert {cell.replicate for cell in cells} == {1, 2}
    for cell in cells:
        campaign = parse_campaign(cell.campaign, KINDS)
        assert campaign.load is not None
        assert campaign.load.arrivals.rate == cell.levels["load.arrivals.rate"]
        assert campaign.deployment[1].cache_ram_mib == cell.levels["deployment[b].cache_ram_mib"]
        assert campaign.seed == 1, "every host receives the identical load"
        assert cell.seconds == 180
    assert len({(cell.variant, cell.replicate) for cell in cells}) == 12
    assert len({cell.campaign for cell in cells}) == 6


def test_comments_and_order_of_the_campaign_stay(write: Write) -> None:
    campaign = GOOD.replace('name = "b"', 'name = "b"  # the one with a cache')
    path = write(f"{STUDY}[matrix]\n{CACHE} = [64]", campaign)
    (cell,) = cells_of(load_study(path, KINDS))
    assert [line for line in cell.campaign.splitlines() if line not in campaign.splitlines()] == ["cache_ram_mib = 64"]
    assert "# the one with a cache" in cell.campaign


@pytest.mark.parametrize(
    "campaign",
    [
        GOOD.replace("port = 18084", 'port = 18084\n[deployment.env]\nA = "1"'),
        GOOD.replace("[load]", "[load]\n").replace(
            'arrivals = { kind = "poisson", rate = 8.0 }\n', 'arrivals.kind = "poisson"\narrivals.rate = 8.0\n'
        ),
        GOOD.replace('arrivals = { kind = "poisson", rate = 8.0 }\n', "").replace(
            "[[deployment]]", '[load.arrivals]\nkind = "poisson"\nrate = 8.0\n[[deployment]]', 1
        ),
        GOOD.replace('[model]\npreset = "tiny"\n', "").replace(
            '[[deployment]]\nname = "b"', '[model]\npreset = "tiny"\n[[deployment]]\nname = "b"'
        ),
        GOOD.split("[[deployment]]")[0].replace("[model]", 'deployment = [{ name = "a", kind = "reference" }, '
        '{ name = "b", kind = "llama-cpp" }]\n[model]'),
    ],
    ids=["sub-table", "dotted", "table", "interrupted", "inline"],
)  # fmt: skip
def test_levels_in_any_form_of_toml(write: Write, campaign: str) -> None:
    matrix = '[matrix]\n"load.arrivals.rate" = [5.0]\n"deployment[b].cache_ram_mib" = [64]\n'
    matrix += '"deployment[b].env" = [{ B = "2" }]\n"load.objectives" = [{ ttft = "1s" }]\n'
    (cell,) = cells_of(load_study(write(STUDY + matrix, campaign), KINDS))
    wanted = tomllib.loads(campaign)
    wanted["load"]["arrivals"]["rate"] = 5.0
    wanted["load"]["objectives"] = {"ttft": "1s"}
    wanted["deployment"][1] |= {"cache_ram_mib": 64, "env": {"B": "2"}}
    assert tomllib.loads(cell.campaign) == wanted


CLASSES = GOOD.replace('arrivals = { kind = "poisson", rate = 8.0 }\n', "") + "".join(
    f'[[load.class]]\nname = "{name}"\narrivals = {{ kind = "poisson", rate = 2.0 }}\n' for name in ("chat", "batch")
)


@pytest.mark.parametrize(
    ("key", "level", "campaign", "wanted"),
    [
        ("seed", "7", GOOD, {"seed": 7}),
        ("duration", '"2m"', GOOD, {"duration": "2m"}),
        ("sampling.process", '"5s"', GOOD, {"sampling": {"process": "5s"}}),
        ("analysis.q", "0.2", GOOD, {"analysis": {"q": 0.2}}),
        ("model.preset", '"tiny"', GOOD, {"model": {"preset": "tiny"}}),
        ("watchdogs", "{ inode_floor = 10 }", GOOD, {"watchdogs": {"inode_floor": 10}}),
    ],
)
def test_any_key_of_the_campaign_has_levels(write: Write, key: str, level: str, campaign: str, wanted: object) -> None:
    (cell,) = cells_of(load_study(write(f'{STUDY}[matrix]\n"{key}" = [{level}]', campaign), KINDS))
    assert tomllib.loads(cell.campaign) == {**tomllib.loads(campaign), **wanted}  # type: ignore[dict-item]


def test_a_table_of_a_list_is_found_by_its_name(write: Write) -> None:
    study = load_study(write(f'{STUDY}[matrix]\n"load.class[batch].arrivals.rate" = [1.0, 4.0]', CLASSES), KINDS)
    rates = [[one.arrivals.rate for one in variant.campaign.load.classes] for variant in study.variants]  # type: ignore[union-attr]
    assert rates == [[2.0, 1.0], [2.0, 4.0]]
    found = wrong(write(f'{STUDY}[matrix]\n"load.class[bach].priority" = [1]', CLASSES))
    assert "did you mean 'batch'?" in found['matrix."load.class[bach].priority"'].what


def test_the_environment_of_a_deployment(write: Write) -> None:
    study = load_study(write(f'{STUDY}[matrix]\n"deployment[b].env.OMP_NUM_THREADS" = ["1", "2"]'), KINDS)
    assert [variant.campaign.deployment[1].env for variant in study.variants] == [
        {"OMP_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "2"},
    ]


def test_without_a_matrix_the_campaign_is_as_it_was_given(write: Write) -> None:
    study = load_study(write(f"{STUDY}replicates = 3"), KINDS)
    assert [(cell.name, cell.campaign) for cell in cells_of(study)] == [(f"v01-r0{n}", GOOD) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ('"load.timeout" = ["10s", "20s"]', ["10s-r01", "20s-r01"]),
        (f"{CACHE} = [0, 64]", ["cache_ram_mib-0-r01", "cache_ram_mib-64-r01"]),
        ('"deployment[b].packages" = [["llama==1.2"], ["llama==1.3"]]', ["llama-1.2-r01", "llama-1.3-r01"]),
        ('"deployment[b].env.A" = ["1s 500ms", "1s500ms"]', ["1s-500ms-r01", "1s500ms-r01"]),
        ('"deployment[b].env.A" = ["1s 500ms", "1s  500ms"]', ["v01-r01", "v02-r01"]),
        ('"deployment[b].env" = [{ A = "1" }, { A = "2" }]', ["v01-r01", "v02-r01"]),
    ],
)
def test_names_are_words_of_levels_where_they_are_safe(write: Write, levels: str, names: list[str]) -> None:
    assert [cell.name for cell in cells_of(load_study(write(f"{STUDY}[matrix]\n{levels}"), KINDS))] == names


def test_a_mistake_of_one_level_names_it_and_one_of_all_the_campaign(write: Write) -> None:
    matrix = f'[matrix]\n{CACHE} = [0, "x"]\n"load.arrivals.rate" = [1.0, -4.0]\n'
    found = wrong(write(STUDY + matrix, GOOD.replace("duration", "duracion")))
    cache, rate = found[f"matrix.{CACHE}"], found['matrix."load.arrivals.rate"']
    assert cache.what.startswith("level 'x': deployment[b].cache_ram_mib:")
    assert (cache.code, rate.code) == ("wrong-type", "out-of-range")
    assert rate.what.startswith("level -4.0: ")
    assert str(write(STUDY).with_name("campaign.toml")) in found["campaign"].what
    assert "duracion" in found["campaign"].what or "duration" in found["campaign"].what


def test_a_key_that_there_is_not_is_a_mistake_of_the_matrix(write: Write) -> None:
    found = wrong(write(f'{STUDY}[matrix]\n{CACHE} = [0, 1]\n"deployment[b].cash" = [1, 2]'))
    assert [(name, one.code) for name, one in found.items()] == [('matrix."deployment[b].cash"', "unknown-key")]


def test_a_mistake_of_a_combination_names_it(write: Write) -> None:
    matrix = '[matrix]\n"load.prompt_tokens.max" = [100, 192]\n"load.prompt_tokens.p95" = [80, 120]\n'
    found = wrong(write(STUDY + matrix))
    assert list(found) == ["matrix"]
    assert "load.prompt_tokens.max = 100, load.prompt_tokens.p95 = 120" in found["matrix"].what


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        ("oops = 1", "oops", "unknown-key"),
        ("replicates = 0", "replicates", "out-of-range"),
        ("matrix = 3", "matrix", "wrong-type"),
        (f"[matrix]\n{CACHE} = 3", f"matrix.{CACHE}", "wrong-type"),
        (f"[matrix]\n{CACHE} = []", f"matrix.{CACHE}", "out-of-range"),
        (f"[matrix]\n{CACHE} = [1, 1]", f"matrix.{CACHE}", "duplicate-name"),
        ('[matrix]\n"deployment[c].x" = [1]', 'matrix."deployment[c].x"', "unknown-name"),
        ('[matrix]\n"deployment.name" = ["x"]', 'matrix."deployment.name"', "unknown-name"),
        ('[matrix]\n"load.arrivals.rate.x" = [1, 2]', 'matrix."load.arrivals.rate.x"', "wrong-type"),
        ('[matrix]\n"seed.x" = [1, 2]', 'matrix."seed.x"', "wrong-type"),
        ("[matrix]\nseeds = [1]", 'matrix."seeds"', "unknown-key"),
        ("[matrix]\nwatchdogs = [{ load = 1 }]", 'matrix."watchdogs"', "unknown-key"),
        ('[matrix]\n"analysis.qq" = [1]', 'matrix."analysis.qq"', "unknown-key"),
        ('[matrix]\n"sampling.procss" = ["1s"]', 'matrix."sampling.procss"', "unknown-name"),
        ('[matrix]\n"deployments.b.packages" = [[]]', 'matrix."deployments.b.packages"', "unknown-key"),
        ('[matrix]\n"deployment.b.packages" = [[]]', 'matrix."deployment.b.packages"', "unknown-name"),
        ('[matrix]\n"load.class[chat].priority" = [1]', 'matrix."load.class[chat].priority"', "unknown-name"),
        ('[matrix]\nname = ["x"]', 'matrix."name"', "conflict"),
        ("[matrix]\ndeployment = [1]", 'matrix."deployment"', "conflict"),
        ('[matrix]\nfactors = [{ "load.arrivals.rate" = [1.0, 2.0] }]', 'matrix."factors"', "conflict"),
        ('[matrix]\n"design.centre_points" = [0, 3]', 'matrix."design.centre_points"', "conflict"),
        ('[matrix]\n"a b" = [1]', 'matrix."a b"', "invalid-value"),
        (f'[matrix]\n{CACHE} = [1]\n"deployment.cache_ram_mib" = [2]', 'matrix."deployment.cache_ram_mib"', "conflict"),
        ('[matrix]\n"analysis.q" = [0.1]\nanalysis = [{ q = 0.2 }]', 'matrix."analysis"', "conflict"),
        ('files = ["../campaign.toml"]', "files", "invalid-value"),
        ('files = ["/etc/passwd"]', "files", "invalid-value"),
        ('files = ["campaign.toml"]', "files", "invalid-value"),
        ('files = ["none.csv"]', "files", "unreadable-file"),
        ('files = ["study.toml", "./study.toml"]', "files", "duplicate-name"),
        ('[hosts]\nalike = ["drivers"]', "hosts.alike", "unknown-name"),
        ('[hosts]\ndriver = "five"', "hosts.driver", "invalid-value"),
        ("[hosts]\ndevices = 1", "hosts.devices", "conflict"),
        ("[hosts]\ncpus = 2", "hosts.cpus", "conflict"),
        ("[hosts]\nexclusive = false\ngpus = 1\ndevices = 2", "hosts.gpus", "conflict"),
        ('[hosts]\ngpus = 0\naccelerator = "H100"', "hosts.accelerator", "conflict"),
        ("replicates = 2\n[hosts]\nexclusive = false\napart = false", "hosts.exclusive", "conflict"),
        (f"[matrix]\n{CACHE} = [0, 64]\n[hosts]\nexclusive = false", "hosts.exclusive", "conflict"),
        ("replicates = 3\n[hosts]\ncount = 2", "hosts.count", "conflict"),
        ('[hosts]\nexclusive = "yes"', "hosts.exclusive", "wrong-type"),
    ],
)
def test_a_mistake_has_its_key(write: Write, text: str, where: str, code: str) -> None:
    found = wrong(write(f"{STUDY}{text}\n"))
    assert {name: one.code for name, one in found.items()} == {where: code}


@pytest.mark.parametrize("hosts", ["exclusive = true\napart = false", "exclusive = false"])
def test_a_port_of_cells_that_share_no_host(write: Write, hosts: str) -> None:
    assert load_study(write(f"{STUDY}replicates = 2\n[hosts]\n{hosts}\n"), KINDS).file.replicates == 2


def test_all_mistakes_are_reported_at_once(write: Write) -> None:
    text = f'oops = 1\nfiles = ["none.csv"]\n[matrix]\n{CACHE} = ["x", 1]\n[hosts]\nalike = ["drivers"]\n'
    assert set(wrong(write(STUDY + text))) == {"oops", "files", f"matrix.{CACHE}", "hosts.alike"}


def codes(path: Path) -> set[tuple[str, str]]:
    return {(where, one.code.value) for where, one in wrong(path).items()}


HOSTS = '[hosts]\nexclusive = "no"\ncpus = 0\nalike = ["colour", 3]\ndriver = "550 please"\n'
OF_HOSTS = {("hosts.exclusive", "wrong-type"), ("hosts.cpus", "out-of-range"), ("hosts.driver", "invalid-value")}


def test_mistakes_of_one_table_are_reported_beside_each_other(write: Write) -> None:
    assert codes(write(STUDY + HOSTS)) == OF_HOSTS | {("hosts.alike", "unknown-name"), ("hosts.alike[1]", "wrong-type")}
    text = f"{STUDY}replicates = 3\n[hosts]\ncount = 2\ncpus = 0\ngpus = 0\naccelerator = 'H100'\ndevices = 1\n"
    places = ("hosts.count", "hosts.cpus", "hosts.accelerator", "hosts.devices")
    assert {where for where, _ in codes(write(text))} == set(places)
    text = f'{STUDY}replicates = "many"\n[hosts]\ncount = 2\nexclusive = false\nport = 1\n'
    found = codes(write(f"{text}[matrix]\n{CACHE} = [0, 64]"))
    assert found == {("replicates", "wrong-type"), ("hosts.port", "unknown-key")}, "no conflict of what is not known"


def test_every_table_and_the_campaign_are_judged_beside_each_other(write: Write) -> None:
    matrix = f'[matrix]\n{CACHE} = 64\n"load.timeout" = []\nseeds = [1]\n"load.drian" = [1]\n"load.drain" = ["-1s"]\n'
    text = f'{STUDY}replicates = 200\nfiles = ["none.csv"]\n{matrix}{HOSTS}'
    campaign = GOOD.replace("duration", "duracion").replace("port = 18084", "port = 18084\ncash = 1")
    found = wrong(write(text, campaign))
    assert {where for where, _ in OF_HOSTS} | {"hosts.alike", "hosts.alike[1]", "files", "campaign"} <= set(found)
    assert found[f"matrix.{CACHE}"].code == "wrong-type"
    assert found['matrix."load.timeout"'].code == "out-of-range"
    assert found['matrix."seeds"'].code == "unknown-key"
    assert found['matrix."load.drian"'].code == "unknown-key"
    assert found['matrix."load.drain"'].code == "invalid-value"
    with pytest.raises(CampaignError) as caught:
        load_study(write(text, campaign), KINDS)
    of_campaign = [one.what for one in caught.value.mistakes if one.where == "campaign"]
    assert {key for key in ("duracion", "cash") if any(key in what for what in of_campaign)} == {"duracion", "cash"}


def test_a_faulty_level_is_not_said_to_be_missing_in_the_campaign(write: Write) -> None:
    campaign = GOOD.replace(", rate = 8.0", "")
    assert "rate = 8.0" not in campaign
    assert set(wrong(write(f'{STUDY}[matrix]\n"load.arrivals.rate" = []', campaign))) == {'matrix."load.arrivals.rate"'}
    assert set(wrong(write(f'{STUDY}[matrix]\n"load.arrivals.rate" = 4', campaign))) == {'matrix."load.arrivals.rate"'}
    assert "campaign" in wrong(write(f"{STUDY}[matrix]\n{CACHE} = []", campaign))


@pytest.mark.parametrize(
    ("matrix", "where", "example"),
    [
        ('"load.arrivals.rate" = 4', "load.arrivals.rate", "[4, 8]"),
        ('"load.arrivals.rate" = 0.5', "load.arrivals.rate", "[0.5, 1.0]"),
        ("seed = 0", "seed", "[0, 1]"),
        ('"load.timeout" = "10s"', "load.timeout", '["10s", "20s"]'),
        ('"load.arrivals.kind" = "poisson"', "load.arrivals.kind", '["poisson"]'),
        ('"load.require_calibration" = true', "load.require_calibration", "[true, false]"),
        ("load.arrivals.rate = [4, 8]", "load", '"load.arrivals.rate" = [4, 8]'),
        ("load.arrivals.rate = 4", "load", '"load.arrivals.rate" = [4, 8]'),
    ],
)
def test_levels_without_a_list_have_an_example_of_their_type(
    write: Write, matrix: str, where: str, example: str
) -> None:
    found = wrong(write(f"{STUDY}[matrix]\n{matrix}"))[f'matrix."{where}"']
    assert found.code == "wrong-type"
    assert f"like {example}" in found.what


def test_keys_that_only_studies_have() -> None:
    assert (StudyFile.model_fields.keys() | HostsTable.model_fields.keys()) - Campaign.model_fields.keys() == STUDY_KEYS


@pytest.mark.parametrize("key", ["replicates = 2", "[hosts]", "attempts = 1", "matrix = 3", "apart = false"])
def test_a_study_without_its_campaign(write: Write, key: str) -> None:
    path = write(f'name = "s"\n{key}\n')
    assert is_study(path)
    found = wrong(path)
    assert found["campaign"].code == "missing-key"
    assert not {"seed", "duration", "load", "deployment"} & set(found)
    with pytest.raises(CampaignError) as caught:
        parse_campaign(path.read_text(), KINDS)
    assert [(one.where, one.code) for one in caught.value.mistakes] == [("campaign", "missing-key")]
    assert not is_study(f"{key}\n{GOOD}"), "a campaign with a key of studies is judged as a campaign"


def test_a_key_of_hosts_at_the_top(write: Write) -> None:
    assert "[hosts]" in wrong(write(f"{STUDY}apart = false"))["apart"].what


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_says_what_either_kind_needs(text: str) -> None:
    for read in (lambda: parse_campaign(text, KINDS), lambda: study_of_campaign(text, "x.toml", 2, KINDS)):
        with pytest.raises(CampaignError) as caught:
            read()
        (mistake,) = caught.value.mistakes
        assert mistake.code == "missing-key"
        assert all(f"`{key}`" in mistake.what for key in ("name", "duration", "load", "campaign"))


def test_a_key_is_not_a_level_and_a_factor(write: Write) -> None:
    campaign = f"{GOOD}\n[factors]\n{CACHE} = [0, 64]\n"
    assert wrong(write(f"{STUDY}[matrix]\n{CACHE} = [0, 64]", campaign))[f"matrix.{CACHE}"].code == "conflict"


def test_a_campaign_that_cannot_be_read(write: Write) -> None:
    path = write(STUDY)
    path.with_name("campaign.toml").unlink()
    assert wrong(path)["campaign"].code == "unreadable-file"
    path.with_name("campaign.toml").write_text("= 1")
    assert wrong(path)["campaign"].code == "not-toml"
    path.with_name("campaign.toml").write_text(STUDY)
    assert wrong(path)["campaign"].code == "conflict"


def test_files_are_read_and_together_limited(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(f'{STUDY}files = ["a/one.csv", "two.csv", "three.csv"]')
    (path.parent / "a").mkdir()
    for name in ("a/one.csv", "two.csv", "three.csv"):
        (path.parent / name).write_bytes(b"0123456789")
    assert load_study(path, KINDS).files == dict.fromkeys(("a/one.csv", "two.csv", "three.csv"), b"0123456789")
    monkeypatch.setattr(load, "MOST_BYTES", 25)
    assert wrong(path)["files"].code == "out-of-range"
    monkeypatch.setattr(load, "MOST_BYTES", 30)
    assert len(load_study(path, KINDS).files) == 3


LENGTHS = 'output_tokens = { kind = "empirical", file = "lengths.csv", column = "n", max = 64 }'


def reading(campaign: str = GOOD) -> str:
    return campaign.replace("output_tokens = { median = 12, p95 = 24, min = 4, max = 48 }", LENGTHS)


def test_files_that_the_load_reads_must_be_listed(write: Write) -> None:
    path = write(STUDY, reading())
    (path.parent / "lengths.csv").write_text("n\n10\n20\n")
    assert wrong(path)["files"].code == "missing-key"
    path.write_text(f'{STUDY}files = ["lengths.csv"]')
    assert list(load_study(path, KINDS).files) == ["lengths.csv"]
    (path.parent / "lengths.csv").write_text("n\nmany\n")
    assert "load.output_tokens.file" in wrong(path)["campaign"].what


def test_a_campaign_as_a_study(write: Write, tmp_path: Path) -> None:
    path = write(STUDY, reading()).with_name("campaign.toml")
    (tmp_path / "lengths.csv").write_text("n\n10\n20\n")
    study = study_of_campaign(path.read_text(), str(path), 4, KINDS, base=tmp_path)
    assert (study.file.name, study.file.hosts.count, study.text) == ("good", 4, None)
    assert [cell.name for cell in cells_of(study)] == ["v01-r01", "v01-r02", "v01-r03", "v01-r04"]
    assert {cell.campaign for cell in cells_of(study)} == {path.read_text()}
    assert study.files == {"lengths.csv": b"n\n10\n20\n"}
    assert len(cells_of(study_of_campaign(GOOD, "x.toml", None, KINDS))) == 1
    with pytest.raises(CampaignError) as caught:
        study_of_campaign(reading(), "x.toml", 2, KINDS, base=tmp_path / "elsewhere")
    assert [one.code for one in caught.value.mistakes] == ["unreadable-file"]
    with pytest.raises(CampaignError):
        study_of_campaign("name = ", "x.toml", 2, KINDS)


def test_too_many_cells_are_refused(write: Write) -> None:
    levels = ", ".join(map(str, range(600)))
    assert wrong(write(f"{STUDY}[matrix]\n{CACHE} = [{levels}]"))["matrix"].code == "out-of-range"


@pytest.mark.parametrize(
    "url", ["sss3://x/y", "s3://", "nosuch://x", "http://host/folder", "simplecache::s3://x", "s3:///"]
)
def test_results_in_no_store(write: Write, url: str) -> None:
    found = wrong(write(f'{STUDY}results = "{url}"'))
    assert url in found["results"].what


def test_a_mistyped_store(write: Write) -> None:
    assert "'s3'" in wrong(write(f'{STUDY}results = "s://x/y"'))["results"].what


@pytest.mark.parametrize("results", ["s3://x/y", "file:///srv/results", "gs://x", "results", "a/b"])
def test_results_in_a_store_or_a_folder(write: Write, results: str) -> None:
    assert load_study(write(f'{STUDY}results = "{results}"'), KINDS).file.results == results


def test_a_list_of_tables_and_a_key_of_one_of_them_overlap(write: Write) -> None:
    lists, one = '"load.class" = [[{ name = "chat" }]]', '"load.class[batch].priority" = [1, 2]'
    for first, second in ((lists, one), (one, lists)):
        found = wrong(write(f"{STUDY}[matrix]\n{first}\n{second}", CLASSES))
        where = f"matrix.{second.partition(' =')[0]}"
        assert found[where].code == "conflict"
        assert first.partition(" =")[0] in found[where].what


def test_a_table_that_a_level_removed_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        KeyPath("load.class[chat].priority", ("load", "class[chat]", "priority"), False).put(
            {"load": {"class": [{"name": "batch"}]}}, 1
        )


@pytest.mark.parametrize(
    ("factor", "key", "level"),
    [
        ("deployment.cache_ram_mib", "deployment[b].cache_ram_mib", "64"),
        ("deployment[b].cache_ram_mib", "deployment.cache_ram_mib", "64"),
        ("load.arrivals.rate", "load.arrivals", '{ kind = "poisson", rate = 1.0 }'),
    ],
)
def test_a_factor_sets_no_part_of_what_the_matrix_sets(write: Write, factor: str, key: str, level: str) -> None:
    campaign = f'{GOOD}\n[factors]\n"{factor}" = [1, 2]\n'
    found = wrong(write(f'{STUDY}[matrix]\n"{key}" = [{level}]', campaign))
    assert list(found) == [f'matrix."{key}"']
    assert f'factors."{factor}"' in found[f'matrix."{key}"'].what
    load_study(write(f'{STUDY}[matrix]\n"load.timeout" = ["5s"]', campaign), KINDS)


RATED = GOOD.replace("[[deployment]]", "[[deployment]]\nrate = 3.0")


@pytest.mark.parametrize(
    ("campaign", "key", "levels", "why"),
    [
        (RATED, "load.arrivals", "{ kind = 'poisson', rate = 0.7 }, { kind = 'poisson', rate = 4.1 }", "own `rate`"),
        (CLASSES, "load.arrivals", "{ kind = 'poisson', rate = 1.0 }, { kind = 'poisson', rate = 4.0 }", "own"),
        (GOOD + CLASSES.partition("port = 18084")[2], "load.arrivals.rate", "1.0, 4.0", "every class has its own"),
        (GOOD, "duration", "'3m', '180s'", "what differs has no effect"),
    ],
)
def test_levels_without_effect_are_refused(write: Write, campaign: str, key: str, levels: str, why: str) -> None:
    found = wrong(write(f'{STUDY}[matrix]\n"{key}" = [{levels}]', campaign))
    assert [(where, one.code) for where, one in found.items()] == [(f'matrix."{key}"', "conflict")]
    assert "give the same campaign" in found[f'matrix."{key}"'].what
    assert why in found[f'matrix."{key}"'].what


def test_a_key_without_effect_is_named_once_among_others(write: Write) -> None:
    matrix = '"load.arrivals" = [{ kind = "poisson", rate = 1.0 }, { kind = "poisson", rate = 4.0 }]\nseed = [1, 2]\n'
    found = wrong(write(f"{STUDY}[matrix]\n{matrix}", RATED))
    assert list(found) == ['matrix."load.arrivals"']


def test_levels_with_an_effect_on_one_deployment_are_kept(write: Write) -> None:
    levels = '[{ kind = "poisson", rate = 1.0 }, { kind = "poisson", rate = 4.0 }]'
    campaign = GOOD.replace("[[deployment]]", "[[deployment]]\nrate = 3.0", 1)
    assert len(load_study(write(f'{STUDY}[matrix]\n"load.arrivals" = {levels}', campaign), KINDS).variants) == 2
    levels = '[{ kind = "poisson", rate = 1.0 }, { kind = "constant", rate = 1.0 }]'
    assert len(load_study(write(f'{STUDY}[matrix]\n"load.arrivals" = {levels}', RATED), KINDS).variants) == 2
    own = CLASSES.replace("[[deployment]]", "[[deployment]]\nrate = 3.0")
    study = load_study(write(f'{STUDY}[matrix]\n"load.class[chat].arrivals.rate" = [1.0, 4.0]', own), KINDS)
    assert len(study.variants) == 2
