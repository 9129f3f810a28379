"""Values and headers of every sort, likely and unlikely ones."""

from __future__ import annotations

from hypothesis import strategies as st

from .e2e_world import BOB, HEADER, MALLORY

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "enc", "epk", "kid", "apu", "typ", "cty", "jwk", "jku", "x5c", "skid"]),
    JSON_VALUES
    | st.sampled_from([*HEADER.values(), "ECDH-ES", BOB.enc.kid])
    | st.just(MALLORY.enc.public),
)
