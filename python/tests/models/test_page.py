"""A page: its envelope, its devices, and its JSON."""

from __future__ import annotations

import gc
import json

import pytest

from kpn_things import DecodeError, Device, Page

DOCUMENTED = """
{"content":[{"uuid":"xxxxxx","name":"My first own device","description":"","metadata":null,
  "deviceSpecificationUUID":"d2723e99-1fe4-4d60-9b6d-8061f7414b24","barcode":null}],
 "last":true,"totalPages":1,"totalElements":2,
 "sort":[{"direction":"ASC","property":"name","ignoreCase":false,"nullHandling":"NATIVE","ascending":true,"descending":false}],
 "first":true,"numberOfElements":2,"size":20,"number":0}
"""


def page(*uuids: str, **envelope: object) -> Page:
    return Page.from_json(json.dumps({"content": [{"uuid": uuid} for uuid in uuids], **envelope}))


def test_the_documented_sample_is_read() -> None:
    sample = Page.from_json(DOCUMENTED)
    assert (sample.number, sample.size, sample.total_pages, sample.total_elements) == (0, 20, 1, 2)
    assert (sample.first, sample.last) == (True, True)
    [device] = sample.devices
    assert device.name == "My first own device"
    assert sample.extra == {}


def test_what_the_envelope_does_not_say_is_none() -> None:
    bare = page()
    assert (bare.number, bare.size, bare.total_pages, bare.total_elements) == (None, None, None, None)
    assert (bare.first, bare.last) == (False, False)


def test_a_page_is_read_like_a_tuple_of_its_devices() -> None:
    some = page("a", "b", "c")
    assert len(some) == 3
    assert some[0].uuid == "a"
    assert some[-1].uuid == "c"
    assert [device.uuid for device in some[1:]] == ["b", "c"]
    assert [device.uuid for device in some] == ["a", "b", "c"]
    assert [device.uuid for device in reversed(some)] == ["c", "b", "a"]
    assert some[1] in some
    assert Device.from_json('{"uuid":"d"}') not in some
    with pytest.raises(IndexError):
        some[3]
    with pytest.raises(TypeError):
        some["a"]  # type: ignore[call-overload]


def test_devices_are_made_once() -> None:
    some = page("a", "b")
    assert some.devices is some.devices
    assert some[0] is some.devices[0]


def test_a_page_without_devices_is_still_a_page() -> None:
    assert page()
    assert page().devices == ()


def test_a_dict_has_all_fields_under_the_services_names() -> None:
    some = page("a", number=1, size=2, totalPages=3, totalElements=4, first=False, last=True, pageable={"offset": 2})
    assert some.to_dict() == {
        "content": [device.to_dict() for device in some],
        "number": 1,
        "size": 2,
        "totalPages": 3,
        "totalElements": 4,
        "first": False,
        "last": True,
        "pageable": {"offset": 2},
    }
    assert some.extra == {"pageable": {"offset": 2}}
    assert Page.from_json(json.dumps(some.to_dict())) == some


def test_a_pickle_keeps_unknown_fields_in_their_order_and_number() -> None:
    import pickle

    some = Page.from_json('{"z":1,"content":[{"uuid":"a","z":1,"y":2,"z":3}],"y":{"x":[]},"z":2,"a \\"b\\"":0}')
    again = pickle.loads(pickle.dumps(some))
    assert again == some
    assert list(again.extra) == list(some.extra) == ["z", "y", 'a "b"']


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"", "cut short"),
        (b"<html>Log in</html>", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "no field content"),
        (b'{"content":null}', "no array of devices"),
        (b'{"content":[{"uuid":"a"},{"name":"b"}]}', "content.1.: there is no field uuid"),
        (b'{"_embedded":{"devices":[]}}', "HATEOAS"),
        (b'{"content":[]}{"content":[]}', "more text after the JSON"),
        (b'{"content":[],"x":NaN}', "not a JSON value"),
        (b'{"content":[{"uuid":"\xff"}]}', "not UTF-8"),
    ],
)
def test_what_is_no_page_is_a_decode_error_that_says_where(wrong: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why) as caught:
        Page.from_json(wrong)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("hint", ['"number":-1', '"number":1.5', '"last":"yes"', '"size":[]', '"sort":7'])
def test_a_hint_of_another_type_says_nothing(hint: str) -> None:
    assert Page.from_json(f'{{"content":[],{hint}}}') == page()


def test_the_totals_of_a_field_page_are_read() -> None:
    some = page(page={"size": 20, "number": 2, "totalElements": "47", "totalPages": 3.0})
    assert (some.number, some.size, some.total_pages, some.total_elements) == (2, 20, 3, 47)
    assert (some.first, some.last, some.extra) == (False, True, {})


def test_a_byte_order_mark_is_skipped() -> None:
    assert Page.from_json(b'\xef\xbb\xbf{"content":[]}') == page()


def test_the_repr_counts_and_does_not_list() -> None:
    assert repr(page("a", "b", number=3, totalElements=62)) == "Page(number=3, devices=2, total_elements=62)"
    assert repr(page()) == "Page(number=None, devices=0, total_elements=None)"


def test_pages_are_matched_by_their_devices() -> None:
    match page("a", "b", last=True):
        case Page((Device("a"), _), last=True, number=None):
            pass
        case _:
            pytest.fail("no match")


def test_the_garbage_collector_need_not_traverse_devices() -> None:
    page = Page.from_json('{"content":[{"uuid":"d-1"},{"uuid":"d-2"}]}')
    assert [gc.is_tracked(device) for device in page] == [False, False]
