"""Clients are made from options, an environment or a file, and from the classes of a user."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import pickle
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from kpn_things import AsyncClient, Client, ConfigError, InputError
from kpn_things.testing import Simulator

CLIENTS = pytest.mark.parametrize("cls", [Client, AsyncClient])
REQUIRED: dict[str, Any] = {"tenant_id": "rjsfm52t", "key_id": "key-1", "key_secret": "canary-secret"}
PUBLIC = {"tenant_id": "rjsfm52t", "key_id": "key-1"}
ENVIRONMENT = {f"KPN_THINGS_{name.upper()}": value for name, value in REQUIRED.items()}


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KPN_THINGS_")]:
        monkeypatch.delenv(name)


def settings(client: Client | AsyncClient) -> dict[str, Any]:
    """The options of a client, without its secrets."""
    assert client._config is not None
    return client._config.public()


@CLIENTS
def test_three_options_make_a_client(cls: type[Client]) -> None:
    assert settings(cls(**REQUIRED)) == PUBLIC
    assert repr(cls(**REQUIRED)) == f"{cls.__name__}(base_url='https://api.kpnthings.com')"


@CLIENTS
def test_options_have_names(cls: type[Client]) -> None:
    with pytest.raises(TypeError, match="positional"):
        cls("rjsfm52t")  # type: ignore[call-arg]


@CLIENTS
@pytest.mark.parametrize("unknown", ["tenent_id", "environment", "postman", "clock"])
def test_options_that_do_not_exist_are_named(cls: type[Client], unknown: str, tmp_path: Path) -> None:
    file = tmp_path / "kpn.json"
    file.write_text('{"values":[]}')
    make: Callable[[], object]
    for make in (
        lambda: cls(**REQUIRED, **{unknown: None}),
        lambda: cls.from_env(ENVIRONMENT, **{unknown: None}),
        lambda: cls.from_postman_environment(file, **REQUIRED, **{unknown: None}),
    ):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{unknown}'"):
            make()


@CLIENTS
def test_all_that_is_missing_is_named_at_once(cls: type[Client]) -> None:
    for make in (cls, cls.from_env, lambda: cls(tenant_id="", key_id=None)):
        with pytest.raises(ConfigError) as caught:
            make()
        for name in ENVIRONMENT:
            assert name in str(caught.value)
        assert "KPN_THINGS_POSTMAN_ENVIRONMENT" in str(caught.value.hint)


@CLIENTS
def test_all_that_is_wrong_is_named_at_once(cls: type[Client]) -> None:
    with pytest.raises(ConfigError) as caught:
        cls(tenant_id="../x", key_id="key\n", key_secret="canary-secret\r\n", base_url="http://api.kpnthings.com")
    for part in ("tenant id", "key id", "key secret", "plain http"):
        assert part in str(caught.value)
    assert "canary" not in str(caught.value)


@CLIENTS
def test_an_option_that_is_none_is_not_given(cls: type[Client]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(inspect.signature(cls).parameters)
    assert len(nothing) == (21 if cls is Client else 23)
    assert settings(cls(**{**nothing, **REQUIRED})) == PUBLIC
    given = {**ENVIRONMENT, "KPN_THINGS_CUSTOMER_ID": "c-1"}
    assert settings(cls.from_env(given, **nothing)) == {**PUBLIC, "customer_id": "c-1"}


@CLIENTS
def test_an_empty_variable_is_not_given_and_an_empty_option_is(cls: type[Client]) -> None:
    given = {**ENVIRONMENT, "KPN_THINGS_CUSTOMER_ID": ""}
    assert settings(cls.from_env(given)) == PUBLIC
    with pytest.raises(ConfigError, match=r"customer id \(KPN_THINGS_CUSTOMER_ID\) is empty"):
        cls.from_env(ENVIRONMENT, customer_id="")


@CLIENTS
def test_options_go_before_the_environment_and_that_before_the_file(
    cls: type[Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kpn.json"
    values = [{"key": name, "value": f"file-{name}"} for name in ("tenantId", "keyId", "keySecret")]
    file.write_text(str({"values": values}).replace("'", '"'))
    monkeypatch.setenv("KPN_THINGS_POSTMAN_ENVIRONMENT", str(file))
    monkeypatch.setenv("KPN_THINGS_KEY_ID", "variable")
    expected = {"tenant_id": "option", "key_id": "variable"}
    assert settings(cls.from_env(tenant_id="option")) == expected
    assert settings(cls.from_env({"KPN_THINGS_POSTMAN_ENVIRONMENT": str(file)}, key_id="option"))["key_id"] == "option"
    assert settings(cls.from_postman_environment(file))["key_id"] == "file-keyId"
    assert settings(cls.from_postman_environment(str(file), key_id="option"))["key_id"] == "option"


@CLIENTS
def test_an_environment_of_ones_own_replaces_that_of_the_process(cls: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPN_THINGS_CUSTOMER_ID", "c-1")
    assert settings(cls.from_env(ENVIRONMENT)) == PUBLIC
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert settings(cls.from_env()) == {**PUBLIC, "customer_id": "c-1"}


@CLIENTS
@pytest.mark.parametrize("environ", [{"KPN_THINGS_KEY_ID": 7}, 7, "KPN_THINGS_KEY_ID", [("KPN_THINGS_KEY_ID", "k")]])
def test_what_is_no_environment_is_refused(cls: type[Client], environ: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        cls.from_env(environ)


@CLIENTS
def test_a_file_that_cannot_be_read_is_named(cls: type[Client], tmp_path: Path) -> None:
    absent = tmp_path / "absent.json"
    with pytest.raises(ConfigError, match="absent.json"):
        cls.from_postman_environment(absent)
    with pytest.raises(ConfigError, match="absent.json"):
        cls.from_env({"KPN_THINGS_POSTMAN_ENVIRONMENT": str(absent)})
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"values":[{"key":"keyId","value":"é"}]}'.encode("latin-1"))
    with pytest.raises(ConfigError, match="latin.json"):
        cls.from_postman_environment(latin)
    with pytest.raises(ConfigError, match="latin.json"):
        cls.from_env({"KPN_THINGS_POSTMAN_ENVIRONMENT": str(latin)})


@CLIENTS
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"info":{},"item":[]}', "kpn.json is a collection of Postman, not an environment"),
        ('{"values":[{"key":"tenant_id","value":"t"}]}', r"kpn.json was read: .* it has: tenant_id \(rename it to tenantId\)"),
        ('{"values":[{"key":"keyId","value":"k","enabled":false}]}', "kpn.json was read: .*keyId is disabled there"),
        ('{"values":[{"key":"keySecret","value":"{{vault:kpn}}"}]}', "the reference {{vault:kpn}} into Postman's vault"),
    ],
)
def test_a_postman_file_that_lacks_a_value_is_explained(cls: type[Client], tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "kpn.json"
    file.write_text(content)
    for make in (cls.from_postman_environment, lambda path: cls.from_env({"KPN_THINGS_POSTMAN_ENVIRONMENT": str(path)})):
        with pytest.raises(ConfigError, match=told):
            make(file)


@CLIENTS
@pytest.mark.parametrize("name", ["timeout", "attempt_timeout", "connect_timeout"])
@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e300])
def test_times_that_cannot_be_right_are_refused(cls: type[Client], name: str, wrong: Any) -> None:
    make: Callable[[], object]
    for make in (lambda: cls(**REQUIRED, **{name: wrong}), lambda: cls.from_env(ENVIRONMENT, **{name: wrong})):
        with pytest.raises(ConfigError, match=f"{name} is .*: pass a finite number of seconds above 0"):
            make()


@CLIENTS
@pytest.mark.parametrize("name", ["max_attempts", "max_body", "max_pages"])
def test_numbers_that_cannot_be_right_are_refused(cls: type[Client], name: str) -> None:
    wrong: Any
    for wrong in (-1, 2**32, 2**70):
        with pytest.raises(ConfigError, match=name):
            cls(**REQUIRED, **{name: wrong})
        with pytest.raises(ConfigError, match=name):
            cls.from_env(ENVIRONMENT, **{name: wrong})
    for wrong in (True, "3", 3.0):
        with pytest.raises(TypeError, match=f"{name} is of type"):
            cls(**REQUIRED, **{name: wrong})


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="attempts"):
        Client(**REQUIRED, max_attempts=0)


@CLIENTS
@pytest.mark.parametrize("name", list(REQUIRED))
@pytest.mark.parametrize("wrong", [7, b"text", ["text"], Path("text")])
def test_settings_are_texts(cls: type[Client], name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match="str"):
        cls(**{**REQUIRED, name: wrong})


@CLIENTS
def test_a_ca_bundle_is_a_path_or_its_content(cls: type[Client], tmp_path: Path) -> None:
    pem = b"-----BEGIN CERTIFICATE-----\nMDEy\n-----END CERTIFICATE-----\n"
    file = tmp_path / "ca.pem"
    file.write_bytes(pem)
    for bundle in (pem, file, str(file)):
        assert settings(cls(**REQUIRED, ca_bundle=bundle))["ca_bundle"] == pem
        assert settings(cls.from_env(ENVIRONMENT, ca_bundle=bundle))["ca_bundle"] == pem
    with pytest.raises(ConfigError, match="ca_bundle: cannot read .*absent.pem"):
        cls(**REQUIRED, ca_bundle=tmp_path / "absent.pem")
    for empty in (b"", b"no certificate"):
        with pytest.raises(ConfigError, match="CA bundle"):
            cls(**REQUIRED, ca_bundle=empty)


@CLIENTS
def test_what_was_pasted_in_place_of_something_else_is_named(cls: type[Client]) -> None:
    path: Any = "kpn.postman_environment.json"
    with pytest.raises(TypeError, match="environ is of type str: pass a mapping .* use from_postman_environment for a file"):
        cls.from_env(path)
    with pytest.raises(ConfigError, match="ca_bundle is a text with certificates: pass it as bytes"):
        cls(**REQUIRED, ca_bundle="-----BEGIN CERTIFICATE-----\nMDEy\n-----END CERTIFICATE-----\n")


@CLIENTS
def test_a_number_is_neither_a_ca_bundle_nor_a_file_and_stays_open(cls: type[Client]) -> None:
    reader, writer = os.pipe()
    make: Callable[[], object]
    for make in (
        lambda: cls(**REQUIRED, ca_bundle=reader),  # type: ignore[arg-type]
        lambda: cls.from_postman_environment(reader),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match="is of type int: pass the path of a file"):
            make()
    os.close(reader)
    os.close(writer)


@CLIENTS
def test_a_method_of_a_client_can_be_replaced_and_a_client_be_referred_to_weakly(cls: type[Client]) -> None:
    client = cls(**REQUIRED)
    assert weakref.ref(client)() is client
    with mock.patch.object(client, "send_downlink", mock.Mock()) as sent:
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
    sent.assert_called_once()


@CLIENTS
def test_repr_of_a_client_whose_constructor_failed_is_no_error(cls: type[Client]) -> None:
    class Kept(cls):  # type: ignore[valid-type, misc]
        def __init__(self, **options: Any) -> None:
            made.append(self)
            super().__init__(**options)

    made: list[Client] = []
    with pytest.raises(ConfigError):
        Kept(tenant_id="x")
    assert repr(made[0]) == "Kept(base_url=None)"


class Labelled(Client):
    """A user's own subclass."""

    def __init__(self, *, label: str = "none", **options: Any) -> None:
        super().__init__(**options)
        self.label = label
        self.sent = 0

    def send_downlink(self, *arguments: Any, **options: Any) -> Any:
        self.sent += 1
        return super().send_downlink(*arguments, **options)


class AsyncLabelled(AsyncClient):
    """The same for asyncio."""

    def __init__(self, *, label: str = "none", **options: Any) -> None:
        super().__init__(**options)
        self.label = label


LABELLED = pytest.mark.parametrize("cls", [Labelled, AsyncLabelled])


@LABELLED
def test_every_way_to_make_a_client_gives_the_subclass_and_runs_its_constructor(cls: type[Labelled], tmp_path: Path) -> None:
    file = tmp_path / "kpn.json"
    with Simulator() as simulator:
        file.write_text(simulator.postman_environment())
    for client in (
        cls(label="mine", **REQUIRED),
        cls.from_env(ENVIRONMENT, label="mine"),  # type: ignore[call-arg]
        cls.from_postman_environment(file, label="mine"),  # type: ignore[call-arg]
    ):
        assert type(client) is cls
        assert client.label == "mine"
        assert repr(client).startswith(f"{cls.__name__}(base_url=")
    assert cls.from_env(ENVIRONMENT).label == "none"


@LABELLED
def test_what_is_made_of_a_subclass_keeps_its_attributes(cls: type[Labelled], monkeypatch: pytest.MonkeyPatch) -> None:
    client = cls(label="mine", **REQUIRED)
    theirs = client.for_customer("c-1")
    assert type(theirs) is cls
    assert theirs.label == "mine"
    theirs.label = "theirs"
    assert client.label == "mine"
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", REQUIRED["key_secret"])
    again = pickle.loads(pickle.dumps(theirs))
    assert type(again) is cls
    assert again.label == "theirs"


def test_a_subclass_can_override_a_call(simulator: Simulator) -> None:
    with Labelled.from_env(simulator.environment()) as client:
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
        assert client.sent == 1
    assert len(simulator.downlinks) == 1


@CLIENTS
def test_a_client_for_a_customer_is_another_one(cls: type[Client]) -> None:
    client = cls(**REQUIRED)
    theirs = client.for_customer("c-1")
    assert theirs is not client
    assert repr(theirs) == f"{cls.__name__}(base_url='https://api.kpnthings.com', customer_id='c-1')"
    assert repr(client) == f"{cls.__name__}(base_url='https://api.kpnthings.com')"
    assert repr(theirs.for_customer("c-2")).endswith("customer_id='c-2')")


@CLIENTS
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_client_is_shared_and_not_copied(cls: type[Client], copied: Any) -> None:
    client = cls(**REQUIRED)
    assert copied(client) is client
    assert copied([client])[0] is client


@CLIENTS
def test_repr_and_pickle_hold_no_secret(cls: type[Client]) -> None:
    client = cls(**REQUIRED, security_context="canary-context")
    assert "canary" not in repr(client) + repr(client._config) + str(pickle.dumps(client))


def test_a_closed_client_makes_no_calls(simulator: Simulator) -> None:
    client = simulator.client()
    with client:
        client.devices().collect()
    with pytest.raises(RuntimeError, match="closed"):
        client.devices().collect()
    client.close()

    async def closed() -> None:
        async with simulator.async_client() as client:
            await client.devices().collect()
        await client.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await client.devices().collect()

    asyncio.run(closed())


@CLIENTS
def test_a_program_names_itself_its_proxy_and_the_hosts_of_plain_http(cls: type[Client]) -> None:
    given: dict[str, Any] = {**REQUIRED, "proxy": "http://u:pa55@proxy.example", "user_agent": "my-app/1.2"}
    assert settings(cls(**given, allow_http="a.local")) == {**PUBLIC, "user_agent": "my-app/1.2", "allow_http": ["a.local"]}
    assert settings(cls(**{**given, "proxy": "http://p.example"}))["proxy"] == "http://p.example"
    assert settings(cls(**given, allow_http=("a.local", "b.local")))["allow_http"] == ["a.local", "b.local"]
    assert "pa55" not in repr(cls(**given)) and b"pa55" not in pickle.dumps(cls(**given))
    for options, reason in (
        ({"proxy": "http://jan:pa#55@proxy.example"}, "percent-encode it"),
        ({"proxy": "socks5://proxy.example"}, "the proxy names a socks5 proxy"),
        ({"user_agent": "my app, really"}, "user agent is not a list of products"),
        ({"allow_http": "api.kpnthings.com"}, "which is KPN's"),
        ({"base_url": "http://gateway.local"}, "plain http"),
    ):
        with pytest.raises((ConfigError, InputError)) as raised:
            cls(**{**REQUIRED, **options})
        assert reason in str(raised.value) and "55" not in str(raised.value)
    assert cls(**REQUIRED, base_url="http://gateway.local", allow_http=["gateway.local"])


@CLIENTS
def test_the_proxy_of_the_environment_can_be_left_out(cls: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    makes: list[Callable[..., Any]] = [partial(cls, **REQUIRED), partial(cls.from_env, ENVIRONMENT)]
    for make in makes:
        with pytest.raises(ConfigError, match="HTTPS_PROXY names a socks5 proxy"):
            make()
        assert make(proxy="")
        assert make(proxy="http://proxy.example:3128")


@CLIENTS
@pytest.mark.parametrize("name", ["tenant_id", "key_id", "key_secret", "application_id", "customer_id", "base_url"])
def test_what_was_copied_with_an_option_is_named(cls: type[Client], name: str) -> None:
    for value, reason in (
        ("'canary'", "is in quotes"),
        ("${CANARY}", "is a placeholder"),
        ("<canary>", "is a placeholder"),
        ("can\u200bary", "a zero-width space (U+200B) at position 4"),
        ("canary\u00a0", "a no-break space (U+00A0) at position 7"),
        ("canary\r", "ends in a line break"),
    ):
        with pytest.raises(ConfigError) as raised:
            cls(**{**REQUIRED, name: value})
        assert reason in str(raised.value) and "canary" not in str(raised.value).lower()


@CLIENTS
def test_there_is_a_way_back_from_a_customer(cls: type[Client]) -> None:
    customer = cls(**REQUIRED, customer_id="c-1")
    back = customer.without_customer()
    assert "customer_id" not in repr(back)
    assert repr(back.for_customer("c-2")) == repr(customer).replace("c-1", "c-2")
