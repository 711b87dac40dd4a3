//! Lists devices and sends a downlink, with the async client.

use std::error::Error;

use things_reqwest::{Client, Downlink, FPort, Outcome, StreamExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env()?;
    let mut devices = client.devices().search("Parking").page_size(100).stream();
    while let Some(device) = devices.next().await {
        println!("{}", device?.name());
    }

    let downlink = Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, [0x01, 0x02])?;
    match client.send_downlink(&downlink.external_reference("valve-42")?).await {
        Ok(receipt) => println!("queued: {}", receipt.status),
        Err(error) => match error.outcome() {
            Some(Outcome::Unknown) => eprintln!("check the portal before you send it again: {error}"),
            _ => eprintln!("not queued: {error}"),
        },
    }
    Ok(())
}
