"""Where each signal goes: whose headers, which certificates, which proxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from extension.http.proxy import proxy_for
from extension.process.log import Log
from extension.settings.aws_hosts import SignedFor
from extension.settings.config import read_config
from extension.telemetry.derived_settings import temporality_of
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.target import Target, build_targets
from extension.telemetry.export.tls import SettingError, TlsError
from tests.certificates import write_certificate
from tests.doubles import LogLines, ManualClock


def targets(
    environ: Mapping[str, str], *, lines: LogLines | None = None
) -> Mapping[Signal, Target]:
    """Return the targets that an environment gives."""
    given = {"DISPATCH_POST_URI": "http://collector:4318", **environ}
    config, problems = read_config(given)
    assert problems == ()
    log = Log(clock=ManualClock(), sink=lines or LogLines())
    return build_targets(config.telemetry, config.otlp, environ=given, log=log)


def test_the_plain_case() -> None:
    """Spans go below the base URL, compressed, directly, within ten seconds."""
    assert targets({}) == {
        "traces": Target(
            url="http://collector:4318/v1/traces",
            headers={},
            compression="gzip",
            timeout_s=10,
            variable="DISPATCH_POST_URI",
        )
    }


def test_each_signal_may_differ() -> None:
    """A signal's own variable wins over that for all."""
    seen = targets(
        {
            "DISPATCH_SIGNALS": "traces,logs",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "1000",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "b=2",
        }
    )
    assert (seen["traces"].timeout_s, seen["logs"].timeout_s) == (5, 1)
    assert (seen["traces"].compression, seen["logs"].compression) == ("none", "gzip")
    assert (seen["traces"].headers, seen["logs"].headers) == ({"a": "1"}, {"b": "2"})


def test_the_json_format_has_one_target() -> None:
    """The URL as it stands, and no compression that its receiver did not ask for."""
    seen = targets({"DISPATCH_FORMAT": "json", "DISPATCH_POST_URI": "http://h/v1/traces?x=1"})
    assert seen == {
        "events": Target(
            url="http://h/v1/traces?x=1",
            headers={},
            compression="none",
            timeout_s=10,
            variable="DISPATCH_POST_URI",
        )
    }


OURS, OTHER = "http://collector:4318", "https://vendor-a.example"
GENERAL, TRACES = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
KEYS = {f"{GENERAL}HEADERS": "k=all", f"{TRACES}HEADERS": "k=traces"}

Combination = tuple[dict[str, str], str, str]
"""OTEL endpoints by the middle of their variables' names; the keys that traces and logs get."""

COMBINATIONS: list[Combination] = [
    ({}, "traces", "all"),
    ({"": OURS}, "traces", "all"),
    ({"": f"{OURS}/"}, "traces", "all"),
    ({"TRACES_": f"{OURS}/v1/traces"}, "traces", "all"),
    ({"": OTHER}, "", ""),
    ({"TRACES_": f"{OTHER}/v1/traces"}, "", ""),
    ({"LOGS_": f"{OTHER}/v1/logs"}, "", ""),
    ({"METRICS_": f"{OTHER}/v1/metrics"}, "", ""),
    ({"": OTHER, "TRACES_": OURS}, "traces", ""),
    ({"": OURS, "TRACES_": OTHER}, "", ""),
    ({"": OURS, "LOGS_": OTHER}, "traces", ""),
    ({"TRACES_": OURS, "LOGS_": OTHER}, "traces", ""),
    ({"TRACES_": OURS, "METRICS_": OTHER}, "traces", ""),
    ({"": OTHER, "TRACES_": OURS, "LOGS_": OURS, "METRICS_": OURS}, "traces", ""),
    ({"": "https://collector:4318"}, "", ""),
    ({"": "http://collector:4317"}, "", ""),
    ({"": "vendor-a.example:4317"}, "", ""),
    ({"": "collector:4318"}, "", ""),
    ({"TRACES_": "http://[vendor"}, "", ""),
    ({"TRACES_": "http://vendor-a.example:port"}, "", ""),
    ({"": " ", "TRACES_": ""}, "traces", "all"),
]


def keyed(endpoints: Mapping[str, str], **further: str) -> Mapping[Signal, Target]:
    """Return the targets of an SDK with these endpoints, a key for all and one for traces."""
    named = {f"{GENERAL}{middle}ENDPOINT": url for middle, url in endpoints.items()}
    return targets({"DISPATCH_SIGNALS": "traces,logs", **KEYS, **named, **further})


@pytest.mark.parametrize(("endpoints", "traces", "logs"), COMBINATIONS)
def test_one_vendors_key_does_not_reach_another(
    endpoints: dict[str, str], traces: str, logs: str
) -> None:
    """A key of the SDK is ours only where its endpoint is, or where the SDK has no endpoint."""
    seen = keyed(endpoints)
    assert seen["traces"].headers.get("k", "") == traces
    assert seen["logs"].headers.get("k", "") == logs


@pytest.mark.parametrize(("endpoints", "traces", "logs"), COMBINATIONS)
def test_the_json_format_counts_as_traces(
    endpoints: dict[str, str], traces: str, logs: str
) -> None:
    """Its one target gets what the spans would get."""
    del logs
    assert keyed(endpoints, DISPATCH_FORMAT="json")["events"].headers.get("k", "") == traces


@pytest.mark.parametrize(("endpoints", "traces", "logs"), COMBINATIONS)
def test_our_own_headers_are_always_used(endpoints: dict[str, str], traces: str, logs: str) -> None:
    """`DISPATCH_POST_HEADERS` wins over the SDK's, wherever these belong."""
    del traces, logs
    seen = keyed(endpoints, DISPATCH_POST_HEADERS="k=own")
    assert [each.headers for each in seen.values()] == [{"k": "own"}] * 2


@pytest.mark.parametrize(("endpoints", "traces", "logs"), COMBINATIONS)
def test_a_client_certificate_goes_where_a_key_would(
    endpoints: dict[str, str], traces: str, logs: str
) -> None:
    """One vendor's certificate is not shown to another; a key file follows its certificate."""
    named = {f"{GENERAL}{middle}ENDPOINT": url for middle, url in endpoints.items()}
    files = {
        f"{GENERAL}CLIENT_CERTIFICATE": "all.pem",
        f"{GENERAL}CLIENT_KEY": "all.key",
        f"{TRACES}CLIENT_CERTIFICATE": "traces.pem",
        f"{TRACES}CLIENT_KEY": "traces.key",
    }
    config, problems = read_config({"DISPATCH_POST_URI": OURS, **files, **named})
    assert problems == ()
    for signal, owner in (("traces", traces), ("logs", logs)):
        seen = config.otlp[signal]
        expected = (f"{owner}.pem", f"{owner}.key") if owner else ("", "")
        assert (seen.client_certificate, seen.client_key) == expected


def test_a_certificate_is_not_shown_without_its_key() -> None:
    """Where the general key is not for us, the signal's own certificate does not go alone."""
    config, _ = read_config(
        {
            "DISPATCH_POST_URI": OURS,
            f"{GENERAL}ENDPOINT": OTHER,
            f"{TRACES}ENDPOINT": OURS,
            f"{GENERAL}CLIENT_KEY": "all.key",
            f"{TRACES}CLIENT_CERTIFICATE": "traces.pem",
        }
    )
    assert config.otlp["traces"].client_certificate == ""
    assert config.otlp["traces"].client_key == ""


def test_authorities_are_trusted_whatever_the_sdk_posts_to() -> None:
    """They are no secret, and no other variable names those of our endpoint."""
    config, _ = read_config(
        {
            "DISPATCH_POST_URI": OURS,
            f"{GENERAL}ENDPOINT": OTHER,
            f"{GENERAL}CERTIFICATE": "all.pem",
            f"{TRACES}CERTIFICATE": "traces.pem",
        }
    )
    assert config.otlp["traces"].certificate == "traces.pem"
    assert config.otlp["logs"].certificate == "all.pem"


@pytest.mark.parametrize(
    ("environ", "withheld"),
    [
        (KEYS, ()),
        ({**KEYS, f"{GENERAL}ENDPOINT": OTHER}, (f"{TRACES}HEADERS",)),
        (
            {**KEYS, f"{GENERAL}ENDPOINT": OTHER, "DISPATCH_SIGNALS": "traces,logs"},
            (f"{TRACES}HEADERS", f"{GENERAL}HEADERS"),
        ),
        ({**KEYS, f"{GENERAL}ENDPOINT": OTHER, "DISPATCH_POST_HEADERS": "k=own"}, ()),
        ({**KEYS, f"{GENERAL}ENDPOINT": OTHER, "DISPATCH_POST_URI": ""}, ()),
        (
            {f"{GENERAL}CLIENT_CERTIFICATE": "all.pem", f"{TRACES}ENDPOINT": OTHER},
            (f"{GENERAL}CLIENT_CERTIFICATE",),
        ),
    ],
)
def test_what_is_not_used_is_named(environ: dict[str, str], withheld: tuple[str, ...]) -> None:
    """A variable that would have been used but belongs elsewhere is named, its value never."""
    config, problems = read_config({"DISPATCH_POST_URI": OURS, **environ})
    assert problems == ()
    assert config.withheld == withheld


OTHER_LOGS = {
    "DISPATCH_SIGNALS": "traces,logs,metrics",
    "DISPATCH_LOGS_URI": f"{OTHER}/insert/logs",
}


def test_a_signal_may_have_a_url_of_its_own() -> None:
    """It stands as it is; the other signals stay below the URL for all."""
    seen = targets(OTHER_LOGS)
    assert {name: each.url for name, each in seen.items()} == {
        "traces": f"{OURS}/v1/traces",
        "logs": f"{OTHER}/insert/logs",
        "metrics": f"{OURS}/v1/metrics",
    }


def test_no_url_for_all_is_needed() -> None:
    """Signals with URLs are posted; one without any is off, and a line says so."""
    environ = {**OTHER_LOGS, "DISPATCH_POST_URI": "", "DISPATCH_TRACES_URI": f"{OTHER}/traces"}
    assert set(targets(environ)) == {"traces", "logs"}
    [note] = read_config(environ)[0].notes
    assert note == (
        "DISPATCH_SIGNALS: metrics go nowhere without DISPATCH_METRICS_URI or DISPATCH_POST_URI"
    )


def test_a_url_of_a_signal_that_is_off_is_named() -> None:
    """A URL alone switches no signal on."""
    environ = {**OTHER_LOGS, "DISPATCH_SIGNALS": "traces"}
    assert set(targets(environ)) == {"traces"}
    [note] = read_config({"DISPATCH_POST_URI": OURS, **environ})[0].notes
    assert note == "DISPATCH_LOGS_URI is not used: logs are not in DISPATCH_SIGNALS"


def test_our_headers_stay_with_their_origin() -> None:
    """A key for one vendor does not reach the one that a signal's own URL names."""
    environ = {**OTHER_LOGS, "DISPATCH_POST_HEADERS": "k=own"}
    seen = targets(environ)
    assert {name: each.headers for name, each in seen.items()} == {
        "traces": {"k": "own"},
        "logs": {},
        "metrics": {"k": "own"},
    }
    [note] = read_config({"DISPATCH_POST_URI": OURS, **environ})[0].notes
    assert note == "DISPATCH_POST_HEADERS are not used for logs: their URI is of another origin"


def test_a_signature_stays_with_its_origin() -> None:
    """Nor does the token that a signature has with it; AWS's own hosts are signed for anyway."""
    environ = {**OTHER_LOGS, "DISPATCH_SIGV4": "xray/eu-west-1"}
    seen = {name: (each.is_signed, each.aws) for name, each in targets(environ).items()}
    assert seen == {
        "traces": (True, SignedFor(service="xray", region="eu-west-1")),
        "logs": (False, None),
        "metrics": (True, SignedFor(service="monitoring", region="eu-west-1")),
    }
    [note] = read_config({"DISPATCH_POST_URI": OURS, **environ})[0].notes
    assert note == "DISPATCH_SIGV4 is not used for logs: their URI is of another origin"
    own = {**environ, "DISPATCH_LOGS_URI": "https://logs.eu-west-3.amazonaws.com/v1/logs"}
    assert targets(own)["logs"].aws == SignedFor(service="logs", region="eu-west-3")
    assert read_config({"DISPATCH_POST_URI": OURS, **own})[0].notes == ()


def test_headers_of_a_signal_go_to_its_own_url() -> None:
    """`OTEL_EXPORTER_OTLP_LOGS_HEADERS` is how that vendor gets its key."""
    environ = {
        **OTHER_LOGS,
        "DISPATCH_POST_HEADERS": "k=own",
        f"{GENERAL}LOGS_HEADERS": "k=logs",
        f"{GENERAL}LOGS_ENDPOINT": f"{OTHER}/insert/logs",
    }
    assert targets(environ)["logs"].headers == {"k": "logs"}


def test_our_headers_go_to_all_urls_of_one_origin() -> None:
    """Without a URL for all there is one origin that they can be for."""
    environ = {
        "DISPATCH_POST_URI": "",
        "DISPATCH_SIGNALS": "traces,metrics",
        "DISPATCH_TRACES_URI": f"{OTHER}/v2/trace/otlp",
        "DISPATCH_METRICS_URI": f"{OTHER}/v2/datapoint/otlp",
        "DISPATCH_POST_HEADERS": "k=own",
    }
    assert [each.headers for each in targets(environ).values()] == [{"k": "own"}] * 2
    apart = {**environ, "DISPATCH_METRICS_URI": "https://third.example/otlp"}
    assert [each.headers for each in targets(apart).values()] == [{}] * 2


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "connection"])
def test_headers_that_frame_a_body_are_refused_by_name(name: str) -> None:
    """A length of the user's would cut each body, and the rest of it be taken for a request."""
    lines = LogLines()
    environ = {"DISPATCH_POST_HEADERS": f"{name}=5,a=1", "DISPATCH_SIGNALS": "traces,logs"}
    assert targets(environ, lines=lines)["traces"].headers == {"a": "1"}
    [line] = lines.parsed
    assert line["cause"] == f"DISPATCH_POST_HEADERS: {name.lower()} is not for users to set"


@pytest.mark.parametrize(
    ("headers", "authorization", "complaints"),
    [("", "Basic dTpw", 0), ("authorization=Bearer%20x", "Bearer x", 1)],
)
def test_an_authorization_header_wins_over_user_information(
    headers: str, authorization: str, complaints: int
) -> None:
    """Both together are no error; a line says which one is used."""
    lines = LogLines()
    environ = {"DISPATCH_POST_URI": "http://u:p@collector:4318", "DISPATCH_POST_HEADERS": headers}
    target = targets(environ, lines=lines)["traces"]
    assert target.url == "http://collector:4318/v1/traces"
    assert target.headers == {"authorization": authorization}
    assert len(lines.lines) == complaints


@pytest.mark.parametrize("host", [f"{'x' * 64}.example", "127.1", "2130706433", "1.2.3.4.5", "."])
def test_a_host_that_cannot_exist_is_told_at_once(host: str) -> None:
    """No export would ever get better by waiting."""
    with pytest.raises(SettingError, match="DISPATCH_POST_URI has no host"):
        targets({"DISPATCH_POST_URI": f"http://{host}/"})


@pytest.mark.parametrize("host", ["127.0.0.1:4318", "[::1]:4318", "1.com", "collector."])
def test_a_host_that_can_exist_is_used(host: str) -> None:
    """Addresses and names."""
    assert (
        targets({"DISPATCH_POST_URI": f"http://{host}"})["traces"].url == f"http://{host}/v1/traces"
    )


def test_malformed_headers_are_named_and_not_printed() -> None:
    """The line says which variable and how many pairs."""
    lines = LogLines()
    assert targets({"DISPATCH_POST_HEADERS": "a=1,hunter2"}, lines=lines)["traces"].headers == {
        "a": "1"
    }
    [line] = lines.lines
    assert "DISPATCH_POST_HEADERS" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "variable",
    ["CERTIFICATE", "CLIENT_CERTIFICATE", "TRACES_CERTIFICATE", "TRACES_CLIENT_CERTIFICATE"],
)
def test_an_unusable_certificate_is_named(variable: str, tmp_path: Path) -> None:
    """A missing file and one that is no certificate are reported with their variable."""
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for path in (tmp_path / "missing.pem", nonsense):
        with pytest.raises(TlsError, match=f"OTEL_EXPORTER_OTLP_{variable}: "):
            targets(
                {
                    "DISPATCH_POST_URI": "https://collector",
                    f"OTEL_EXPORTER_OTLP_{variable}": str(path),
                }
            )


@pytest.mark.parametrize("variable", ["CLIENT_CERTIFICATE", "LOGS_CLIENT_CERTIFICATE"])
def test_a_certificate_without_its_key_is_explained(variable: str, tmp_path: Path) -> None:
    """OpenSSL only has the place in its source where it failed."""
    certificate, _ = write_certificate(tmp_path)
    environ = {
        "DISPATCH_POST_URI": "https://collector",
        "DISPATCH_SIGNALS": "logs",
        f"OTEL_EXPORTER_OTLP_{variable}": str(certificate),
    }
    with pytest.raises(TlsError) as raised:
        targets(environ)
    assert str(raised.value) == (
        f"OTEL_EXPORTER_OTLP_{variable}: it holds no certificate, or not the key that belongs to "
        "it; allowed: a PEM file that can be read"
    )


def test_https_verifies() -> None:
    """An https endpoint gets a context that trusts the system's authorities and checks names."""
    tls = targets({"DISPATCH_POST_URI": "https://collector"})["traces"].tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://h/x", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://h/x", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://h/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": "h"}, None),
        ("https://a.h.example/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": ".h.example"}, None),
        ("https://h/x", {"HTTPS_PROXY": "http://p", "no_proxy": "*"}, None),
        ("https://h/x", {"HTTP_PROXY": "http://p"}, None),
        ("http://h/x", {"http_proxy": "http://p"}, "http://p"),
        ("http://h/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://h/x", {"ALL_PROXY": "http://p"}, "http://p"),
        ("https://localhost:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://127.0.0.1:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://[::1]:4318/x", {"HTTPS_PROXY": "http://p"}, None),
        ("https://h/x", {"HTTPS_PROXY": " "}, None),
    ],
)
def test_proxy(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """The usual variables, and never for loopback."""
    assert proxy_for(url, environ) == proxy


@pytest.mark.parametrize(
    "proxy", ["socks5://u:hunter2@p:1080", "http://u:hunter2@p:x", "http://", "http://a b:1"]
)
def test_a_proxy_that_is_no_url_is_named(proxy: str) -> None:
    """Its value is not repeated, and the endpoint is not posted to around it."""
    environ = {"DISPATCH_POST_URI": "https://collector", "HTTPS_PROXY": proxy}
    with pytest.raises(SettingError) as raised:
        targets(environ)
    assert str(raised.value) == "HTTPS_PROXY is not an http:// or https:// URL of a proxy"


def causes(environ: Mapping[str, str]) -> list[str]:
    """Return what the lines about the targets of an environment say."""
    lines = LogLines()
    targets(environ, lines=lines)
    return [str(line["cause"]) for line in lines.parsed]


@pytest.mark.parametrize(
    "variable",
    [
        "DISPATCH_POST_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ],
)
def test_entries_that_are_no_headers_are_named_by_their_place(variable: str) -> None:
    """One may be a key that was written without its name, so that no text of it is repeated."""
    [cause] = causes({variable: "a=1,Authorization: Bearer hunter2,,=x,b=2,c=%ff,d=1%0a2"})
    assert cause == (
        f"{variable}: entries left out: 2, 3, 5, 6; allowed: name=value, comma-separated, "
        "URL-encoded"
    )


def test_what_looks_like_a_reference_and_is_none_is_reported() -> None:
    """It would be sent as it stands, and the endpoint would only say that it is no key."""
    [cause] = causes({"DISPATCH_POST_HEADERS": "api-key=${secret:name}"})
    assert cause == (
        "DISPATCH_POST_HEADERS: ${…} stands for itself; allowed: "
        "${secretsmanager:NAME}, ${ssm:NAME} or ${arn:…}"
    )


def test_the_variable_of_each_url_is_known() -> None:
    """Lines about an export name it."""
    environ = {"DISPATCH_SIGNALS": "traces,logs", "DISPATCH_LOGS_URI": "http://other/logs"}
    assert {name: each.variable for name, each in targets(environ).items()} == {
        "traces": "DISPATCH_POST_URI",
        "logs": "DISPATCH_LOGS_URI",
    }


XRAY = "https://xray.eu-central-1.amazonaws.com"
ALL = {"DISPATCH_SIGNALS": "traces,logs,metrics"}


def signed(seen: Mapping[Signal, Target]) -> dict[str, tuple[str, str, bool]]:
    """Return of each signal where it goes, what that is to AWS, and whether it is signed."""
    return {
        signal: (
            each.url,
            f"{each.aws.service}/{each.aws.region}" if each.aws else "",
            each.is_signed,
        )
        for signal, each in seen.items()
    }


@pytest.mark.parametrize(
    "uri",
    [
        XRAY,
        f"{XRAY}/",
        f"{XRAY}/v1/traces",
        "https://logs.eu-central-1.amazonaws.com",
        "https://monitoring.eu-central-1.amazonaws.com/v1/metrics",
    ],
)
def test_one_host_of_aws_leads_to_all_three(uri: str) -> None:
    """Each signal has a host of its own there, and every request is signed for its service."""
    host = "https://{}.eu-central-1.amazonaws.com/v1/{}"
    assert signed(targets({"DISPATCH_POST_URI": uri, **ALL})) == {
        "traces": (host.format("xray", "traces"), "xray/eu-central-1", True),
        "logs": (host.format("logs", "logs"), "logs/eu-central-1", True),
        "metrics": (host.format("monitoring", "metrics"), "monitoring/eu-central-1", True),
    }


def test_aws_beside_another_endpoint() -> None:
    """One signal's own URI on AWS is signed, with or without its path, and no other is."""
    seen = targets({"DISPATCH_LOGS_URI": "https://logs.us-east-1.amazonaws.com", **ALL})
    assert signed(seen) == {
        "traces": ("http://collector:4318/v1/traces", "", False),
        "logs": ("https://logs.us-east-1.amazonaws.com/v1/logs", "logs/us-east-1", True),
        "metrics": ("http://collector:4318/v1/metrics", "", False),
    }


def test_a_vpc_endpoint_takes_its_own_signal() -> None:
    """Where the others would go it does not say, so they go nowhere, and a line says that."""
    uri = "https://vpce-0a1b-2c3d.xray.eu-central-1.vpce.amazonaws.com"
    given = {"DISPATCH_POST_URI": uri, **ALL}
    assert signed(targets(given)) == {"traces": (f"{uri}/v1/traces", "xray/eu-central-1", True)}
    config, _ = read_config(given)
    assert "DISPATCH_SIGNALS: logs go nowhere without DISPATCH_LOGS_URI" in config.notes


@pytest.mark.parametrize(
    ("sigv4", "services"),
    [
        ("xray/eu-west-1", {"xray/eu-west-1", "logs/eu-west-1", "monitoring/eu-west-1"}),
        ("osis/eu-west-1", {"osis/eu-west-1"}),
    ],
)
def test_other_hosts_are_signed_for_on_demand(sigv4: str, services: set[str]) -> None:
    """A proxy in front of one of AWS's endpoints leads to all three; any other service is one."""
    seen = signed(targets({"DISPATCH_SIGV4": sigv4, **ALL}))
    assert {service for _, service, _ in seen.values()} == services
    assert all(is_signed for _, _, is_signed in seen.values())


@pytest.mark.parametrize(
    "given", [{"DISPATCH_SIGV4": "off"}, {"DISPATCH_POST_HEADERS": "authorization=Bearer%20ACWL"}]
)
def test_what_is_not_signed(given: Mapping[str, str]) -> None:
    """Signing may be forbidden, and a token of the user's own is not replaced."""
    lines = LogLines()
    [seen] = signed(targets({"DISPATCH_POST_URI": XRAY, **given}, lines=lines)).values()
    assert seen == (f"{XRAY}/v1/traces", "xray/eu-central-1", False)
    assert len(lines.lines) == ("DISPATCH_SIGV4" not in given)


def test_aws_takes_no_events() -> None:
    """The JSON format is no OTLP, and a line says so before AWS does."""
    config, _ = read_config({"DISPATCH_POST_URI": XRAY, "DISPATCH_FORMAT": "json"})
    assert "DISPATCH_FORMAT=json: AWS takes OTLP alone" in config.notes


def test_aws_takes_no_deflate() -> None:
    """It is gzip there, and a line says so; other services get what was asked for."""
    deflate = {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "deflate"}
    lines = LogLines()
    assert targets({"DISPATCH_POST_URI": XRAY, **deflate}, lines=lines)["traces"].compression == (
        "gzip"
    )
    [line] = lines.parsed
    assert line["cause"].startswith("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: ")
    assert targets(deflate)["traces"].compression == "deflate"
    gateway = {**deflate, "DISPATCH_SIGV4": "execute-api/eu-west-1"}
    assert targets(gateway)["traces"].aws is not None
    assert targets(gateway)["traces"].compression == "deflate"


@pytest.mark.parametrize(
    ("given", "temporality"),
    [
        ({}, "delta"),
        ({"DISPATCH_POST_URI": XRAY}, "cumulative"),
        ({"DISPATCH_METRICS_URI": "https://monitoring.eu-west-1.amazonaws.com"}, "cumulative"),
        (
            {
                "DISPATCH_POST_URI": XRAY,
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            },
            "delta",
        ),
    ],
)
def test_temporality(given: Mapping[str, str], temporality: str) -> None:
    """PromQL, by which CloudWatch is asked, needs sums that grow; the user has the last word."""
    config, _ = read_config({"DISPATCH_POST_URI": "http://collector:4318", **given})
    assert temporality_of(config.telemetry) == temporality
