"""The Prometheus client: pages, labels, limits of the server, access, and one message for every failure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aging.core.errors import AgingError, MistakesError
from aging.tables.prometheus import Prometheus, PrometheusError, Refusal, Window, usual_step
from aging.tables.prometheus_access import read_access
from aging.tables.prometheus_query import read_query
from tests.prometheus_standin import TLS, Labels, StandIn, Value, serving


def grows(at: float) -> float:
    return 2.0 * at


def rss(**labels: str) -> tuple[Labels, Value]:
    return {"__name__": "rss_bytes", **labels}, grows


WINDOW = Window(1_780_000_000.0, 1_780_003_600.0, 15.0)


class TestWindow:
    def test_ends_at_a_multiple_of_the_step(self) -> None:
        window = Window.last(3600, 60, 1_780_000_031.0)
        assert (window.start % 60, window.end % 60, window.points) == (0, 0, 61)

    def test_pages_are_the_window(self) -> None:
        window = Window(0, 25_000, 1)
        assert [page.points for page in window.pages()] == [10_000, 10_000, 5_001]
        assert np.concatenate([page.times for page in window.pages()]).tolist() == window.times.tolist()

    @pytest.mark.parametrize(
        ("seconds", "every", "step"),
        [(14 * 86_400, None, 300), (6 * 3600, 15, 15), (6 * 3600, None, 60), (1800, 1, 1), (3600, None, 15)],
    )
    def test_usual_step(self, seconds: float, every: float | None, step: float) -> None:
        assert usual_step(seconds, every) == step


class TestRange:
    def test_values_at_the_windows_times_with_gaps(self) -> None:
        def gappy(at: float) -> float | None:
            return None if 1_780_000_600 <= at < 1_780_001_200 else at

        with serving(StandIn([({"__name__": "x", "pod": "a"}, gappy)])) as one, Prometheus(one.url) as server:
            (found,) = server.range("x", WINDOW)
        assert found.labels == {"__name__": "x", "pod": "a"}
        known = np.isfinite(found.values)
        assert np.count_nonzero(~known) == 40
        assert found.values[known].tolist() == WINDOW.times[known].tolist()

    def test_more_than_the_servers_points_are_paged(self) -> None:
        window = Window(1_780_000_000.0, 1_780_025_000.0, 1.0)
        with serving(StandIn([rss()])) as one, Prometheus(one.url) as server:
            (found,) = server.range("rss_bytes", window)
            assert len(one.queries()) == 3
        assert found.values.tolist() == (2 * window.times).tolist()

    def test_too_many_samples_are_asked_in_halves(self) -> None:
        window = Window(1_780_000_000.0, 1_780_001_999.0, 1.0)
        with serving(StandIn([rss()], most_samples=600)) as one, Prometheus(one.url) as server:
            (found,) = server.range("rss_bytes", window)
        assert np.isfinite(found.values).all()

    def test_special_values(self) -> None:
        with serving(StandIn([({"__name__": "x"}, lambda _: float("nan"))])) as one, Prometheus(one.url) as server:
            (found,) = server.range("x", WINDOW)
        assert np.isnan(found.values).all()

    def test_long_query_is_posted(self) -> None:
        with serving(StandIn([rss(pod="a")])) as one, Prometheus(one.url) as server:
            query = f'rss_bytes{{pod=~"a|{"b" * 3000}"}}'
            assert len(server.range(query, WINDOW)) == 1

    def test_busy_server_is_asked_again(self) -> None:
        with serving(StandIn([rss()], busy=1)) as one, Prometheus(one.url) as server:
            assert len(server.range("rss_bytes", WINDOW)) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("standin", "query", "refusal", "words"),
        [
            (StandIn(), "{", Refusal.BAD_QUERY, ("parse error", "'{'")),
            (
                StandIn([rss()], failing="rss", failure=(503, "timeout", "query timed out in expression evaluation")),
                "rss_bytes",
                Refusal.TIMEOUT,
                ("timed out", "--range"),
            ),
            (StandIn([rss()], most_samples=10), "rss_bytes", Refusal.TOO_MANY_SAMPLES, ("too many samples", "--step")),
            (StandIn([rss()], user="a:b"), "rss_bytes", Refusal.UNAUTHORIZED, ("401", "--http-config")),
        ],
    )
    def test_says_why_and_what_to_do(
        self, standin: StandIn, query: str, refusal: Refusal, words: tuple[str, ...]
    ) -> None:
        with serving(standin) as one, Prometheus(one.url) as server, pytest.raises(PrometheusError) as raised:
            server.range(query, WINDOW)
        assert raised.value.refusal is refusal
        assert all(word in str(raised.value) for word in (one.url, *words))

    def test_nothing_listens(self, free_port: object) -> None:
        with Prometheus(f"http://127.0.0.1:{free_port()}") as server, pytest.raises(PrometheusError) as raised:  # type: ignore[operator]
            server.range("x", WINDOW)
        assert raised.value.refusal is Refusal.UNREACHABLE

    def test_no_prometheus_there(self) -> None:
        with (
            serving(StandIn()) as one,
            Prometheus(f"{one.url}/graph") as server,
            pytest.raises(PrometheusError) as raised,
        ):
            server.range("x", WINDOW)
        assert raised.value.refusal is Refusal.NO_API
        assert "/api/v1" in str(raised.value)

    def test_password_of_the_url_is_not_shown(self) -> None:
        with serving(StandIn(user="me:secret")) as one:
            with Prometheus(one.url.replace("//", "//me:secret@")) as server:
                assert server.range("x", WINDOW) == []
                assert "secret" not in server.shown
            with Prometheus(one.url.replace("//", "//me:wrong@")) as server, pytest.raises(PrometheusError) as raised:
                server.range("x", WINDOW)
        assert "wrong" not in str(raised.value)


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "http.yml"
    path.write_text(text, encoding="utf-8")
    return path


class TestAccess:
    @pytest.mark.parametrize(
        ("standin", "text"),
        [
            (StandIn(user="me:secret"), "basic_auth: {username: me, password: secret}"),
            (StandIn(user="me:secret"), "basic_auth:\n  username: me\n  password_file: secret\n"),
            (StandIn(token="secret"), "authorization: {credentials: secret}"),
            (StandIn(token="secret"), "bearer_token_file: secret"),
            (StandIn(header=("X-Scope-OrgID", "team")), "http_headers: {X-Scope-OrgID: {values: [team]}}"),
        ],
    )
    def test_ways(self, tmp_path: Path, standin: StandIn, text: str) -> None:
        (tmp_path / "secret").write_text("secret\n", encoding="utf-8")
        access = read_access(config(tmp_path, text), {})
        with serving(standin) as one, Prometheus(one.url, access) as server:
            assert server.range("x", WINDOW) == []
        assert "secret" not in repr(access)

    def test_header_option(self) -> None:
        access = read_access(None, {"X-Scope-OrgID": "team"})
        standin = StandIn(header=("X-Scope-OrgID", "team"))
        with serving(standin) as one, Prometheus(one.url, access) as server:
            assert server.range("x", WINDOW) == []

    def test_authority_and_client_certificate(self, tmp_path: Path) -> None:
        own = TLS / "certificate.pem"
        tls = f"tls_config: {{ca_file: {own}, cert_file: {own}, key_file: {TLS / 'key.pem'}}}"
        access = read_access(config(tmp_path, tls), {})
        with serving(StandIn(), tls=True, client_certificate=True) as one, Prometheus(one.url, access) as server:
            assert server.range("x", WINDOW) == []

    def test_unknown_authority(self) -> None:
        with (
            serving(StandIn(), tls=True) as one,
            Prometheus(one.url) as server,
            pytest.raises(PrometheusError) as raised,
        ):
            server.range("x", WINDOW)
        assert raised.value.refusal is Refusal.TLS
        assert "ca_file" in str(raised.value)

    def test_unverified(self, tmp_path: Path) -> None:
        access = read_access(config(tmp_path, "tls_config: {insecure_skip_verify: true}"), {})
        with serving(StandIn(), tls=True) as one, Prometheus(one.url, access) as server:
            assert server.range("x", WINDOW) == []

    def test_all_mistakes_at_once(self, tmp_path: Path) -> None:
        text = "basic_auth: {user: me}\nbearer_token: x\ntls_config: {ca_file: gone.pem}\noauth2: {}\nverify: no\n"
        with pytest.raises(MistakesError) as raised:
            read_access(config(tmp_path, text), {})
        named = {mistake.where for mistake in raised.value.mistakes}
        assert named == {"basic_auth.user", "tls_config.ca_file", "oauth2", "verify", "basic_auth, bearer_token"}

    @pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just text"])
    def test_no_config(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(AgingError) as raised:
            read_access(config(tmp_path, text), {})
        assert "http.yml" in str(raised.value)

    def test_certificate_without_key(self, tmp_path: Path) -> None:
        access = read_access(config(tmp_path, f"tls_config: {{cert_file: {TLS / 'certificate.pem'}}}"), {})
        with pytest.raises(AgingError, match=r"certificate\.pem"):
            access.context()


class TestReadQuery:
    def test_label_sets_are_series(self) -> None:
        with serving(StandIn([rss(pod="a", job="x"), rss(pod="b", job="x")])) as one, Prometheus(one.url) as server:
            reading = read_query(server, "rss_bytes", 3600)
        assert [series.name for series in reading.series] == ["rss_bytes[pod=a]", "rss_bytes[pod=b]"]
        first = reading.series[0]
        assert first.measure.base == "B"
        assert first.t[0] == 0
        assert first.start is not None
        assert first.y[0] == 2 * first.start

    def test_step_is_that_of_the_samples(self) -> None:
        with serving(StandIn([rss()], every=30)) as one, Prometheus(one.url) as server:
            (series,) = read_query(server, "rss_bytes", 7200).series
        assert np.diff(series.t).tolist() == [30.0] * 240

    @pytest.mark.parametrize(
        ("name", "kind", "counter"),
        [
            ("requests_total", None, True),
            ("requests", "counter", True),
            ("active_handles_total", "gauge", False),
            ("rss_bytes", "gauge", False),
            ("latency_seconds_sum", "histogram", True),
        ],
    )
    def test_counters_by_name_or_type(self, name: str, kind: str | None, counter: bool) -> None:
        standin = StandIn([({"__name__": name}, grows)], types={} if kind is None else {name: kind})
        with serving(standin) as one, Prometheus(one.url) as server:
            (series,) = read_query(server, name, 3600).series
        assert series.counter is counter

    def test_expression_has_its_own_name(self) -> None:
        with serving(StandIn([({"__name__": "x"}, grows)])) as one, Prometheus(one.url) as server:
            (series,) = read_query(server, "rate(x[60s])", 3600).series
        assert series.column == "rate(x[60s])"
        assert series.y == pytest.approx(2.0)

    def test_load_start(self) -> None:
        with serving(StandIn([rss()])) as one, Prometheus(one.url) as server:
            (series,) = read_query(server, "rss_bytes", 3600, load_start="2020-01-01T00:00:00Z").series
            assert not series.origin_assumed
            assert series.t[0] > 1e8
            with pytest.raises(AgingError, match="--load-start"):
                read_query(server, "rss_bytes", 3600, load_start="yesterday")

    def test_no_data(self) -> None:
        no_data = pytest.raises(AgingError, match="no data in the last 1h")
        with serving(StandIn()) as one, Prometheus(one.url) as server, no_data:
            read_query(server, "gone", 3600)
