"""Lists all devices and sends a downlink, with the client that openapi-python-client generates from openapi.yaml."""

from itertools import count
from os import environ

from kpn_things_api import AuthenticatedClient, Client
from kpn_things_api.api.devices import list_devices
from kpn_things_api.api.downlinks import send_downlink
from kpn_things_api.api.token import request_token
from kpn_things_api.models import FirstSenmlRecord, TokenRequest


def main() -> None:
    grip = Client(base_url=environ["KPN_THINGS_GRIP_BASE_URL"], raise_on_unexpected_status=True)
    token = request_token.sync(
        environ["KPN_THINGS_TENANT_ID"],
        client=grip,
        body=TokenRequest(
            grant_type="client_credentials",
            audience=environ["KPN_THINGS_APPLICATION_ID"],
            client_id=environ["KPN_THINGS_KEY_ID"],
            client_secret=environ["KPN_THINGS_KEY_SECRET"],
        ),
    )

    def api(accept: str) -> AuthenticatedClient:
        base_url = environ["KPN_THINGS_BASE_URL"]
        return AuthenticatedClient(base_url=base_url, token=token.access_token, headers={"Accept": accept})

    devices = []
    with api("application/vnd.kpnthings.device.v1.response+json") as client:
        for number in count():
            page = list_devices.sync(client=client, current_page=number, page_size=100)
            devices += page.content
            if page.last:
                break
    print(len(devices), "devices")

    record = FirstSenmlRecord(bn="urn:dev:DEVEUI:0059AC0000181EB6:", n="payloadHex", vs="0102")
    with api("application/vnd.kpnthings.actuator.v1.response+json") as client:
        sent = send_downlink.sync_detailed(client=client, port=1, external_reference="example", body=[record])
    print("downlink:", int(sent.status_code))


if __name__ == "__main__":
    main()
