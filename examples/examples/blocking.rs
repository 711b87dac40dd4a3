//! Lists devices and sends a downlink, with the blocking client.

use std::error::Error;

use things_ureq::{Client, Downlink, FPort, Outcome};

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    for device in client.devices().search("Parking").page_size(100) {
        println!("{}", device?.name());
    }

    let downlink = Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, [0x01, 0x02])?;
    match client.send_downlink(&downlink.external_reference("valve-42")?) {
        Ok(receipt) => println!("queued: {}", receipt.status),
        Err(error) => match error.outcome() {
            Some(Outcome::Unknown) => eprintln!("check the portal before you send it again: {error}"),
            _ => eprintln!("not queued: {error}"),
        },
    }
    Ok(())
}
