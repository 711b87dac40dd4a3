"""Records how two Python libraries resolve the corpus: `pip install senml kpn-senml`, then `python record.py`."""

import json
import pathlib

from kpn_senml.senml_pack import SenmlPack
from senml.senml import SenMLDocument

HERE = pathlib.Path(__file__).parent


def value(value):
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def senml(pack):
    document = SenMLDocument.from_json(pack)
    resolved = [measurement.to_absolute(document.base) for measurement in document.measurements]
    return [[one.name, one.time, one.unit, value(one.value), one.sum] for one in resolved]


def kpn_senml(pack):
    """The library reads the name and the value of a record, and neither time, nor unit, nor sum."""
    rows = []

    def seen(record, device=None):
        rows.append([(device.name if device else "") + record.name, value(record.value)])

    SenmlPack("", seen).from_json(json.dumps(pack))
    return rows


def outcome(resolve, pack):
    try:
        return resolve(pack)
    except Exception as error:
        return {"error": type(error).__name__}


def main():
    corpus = json.loads((HERE / "corpus.json").read_text("utf-8"))
    for library in (senml, kpn_senml):
        results = {name: outcome(library, pack) for name, pack in corpus.items()}
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(result)}" for name, result in results.items())
        (HERE / f"{library.__name__}.json").write_text("{\n" + lines + "\n}\n", "utf-8")


main()
