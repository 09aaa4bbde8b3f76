"""The pure modules hold for every input."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from extension.parameters.answer import encode
from extension.parameters.cache import Cache, Entry
from extension.parameters.keys import ParameterKey, SecretKey
from extension.parameters.references import read_list
from extension.parameters.request import Query, Rejection, read
from tests.doubles import ManualClock

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_json_round_trips(value: object) -> None:
    """Whatever is written can be read; only half surrogate pairs are replaced."""
    expected = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
                          .decode("utf-16", "replace"))  # fmt: skip
    written = encode(value)
    assert json.loads(written) == expected or "\ufffd" in written.decode()
    assert not set(written) & set(b"<>&")


@given(st.text())
def test_any_target_is_read_without_raising(target: str) -> None:
    """A query or a rejection, whatever stands in the request line."""
    for prefix in ("", "/secretsmanager/get?", "/systemsmanager/parameters/get?name="):
        assert isinstance(read("GET", prefix + target), Query | Rejection)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="% "), min_size=1))
def test_any_name_survives_its_encoding(name: str) -> None:
    """What is percent-encoded once or twice comes out as it was: no name holds `%` or a blank."""
    once = quote(name, safe="")
    for encoded in (once, quote(once)):
        query = read("GET", f"/secretsmanager/get?secretId={encoded}")
        assert query == Query(key=SecretKey(name))


@given(st.text())
def test_any_prefetch_list_is_read(text: str) -> None:
    """Keys and unusable entries, never an error."""
    keys, unusable = read_list(text)
    assert len(keys) + len(unusable) <= text.count(",") + 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(0, 5)),
        st.tuples(st.just("find"), st.integers(0, 5)),
        st.tuples(st.just("advance"), st.integers(0, 20)),
        st.tuples(st.just("freeze"), st.integers(0, 20)),
        st.tuples(st.just("set_back"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(steps)
def test_cache_behaves_like_its_model(taken: list[tuple[str, int]]) -> None:
    """A list ordered by use, and two clocks, say the same as the cache."""
    size, ttl_s, max_stale_s = 3, 10, 15
    clock, cache = ManualClock(), Cache(size=size, max_stale_s=max_stale_s)
    model: dict[int, tuple[int, int]] = {}  # key → both clocks at the store, least used first
    for step, number in taken:
        key = ParameterKey(str(number))
        if step == "store":
            model.pop(number, None)
            if len(model) == size:
                del model[next(iter(model))]
            model[number] = (clock.wall_ns, clock.monotonic_ns)
            now = clock.now()
            cache.store(key, Entry(body=b"", asked_at=now, fetched_at=now, ttl_s=ttl_s))
        elif step == "find":
            found = cache.find(key, now=clock.now())
            age_s = None
            if number in model:
                wall_ns, monotonic_ns = model.pop(number)
                passed = max(clock.wall_ns - wall_ns, clock.monotonic_ns - monotonic_ns)
                age_s = passed / 1e9
                if age_s < ttl_s + max_stale_s:
                    model[number] = (wall_ns, monotonic_ns)
                else:
                    age_s = None
            assert (found.age_s if found else None) == age_s
            assert found is None or age_s is None or found.fresh == (age_s < ttl_s)
        else:
            getattr(clock, step)(number)
        assert len(cache) <= size
