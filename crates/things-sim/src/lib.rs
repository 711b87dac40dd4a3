#![doc = include_str!("../README.md")]

mod api;
mod credentials;
mod device;
mod fault;
mod fleet;
mod grip;
mod http;
mod random;
mod record;
mod route;
mod server;
mod sim;
mod world;

pub use api::{DownlinkAnswer, SwitchAnswer};
pub use credentials::SimCredentials;
pub use device::DeviceSpec;
pub use fault::{Fault, FaultRule, ParseFaultRuleError, When};
pub use fleet::{Churn, SortShape};
pub use grip::ExpiresIn;
pub use record::{ReceivedDownlink, ReceivedRequest};
pub use route::{Route, UnknownRoute};
pub use sim::{DEFAULT_CUSTOMER, DEFAULT_CUSTOMER_DEVICES, Sim, SimBuilder};
