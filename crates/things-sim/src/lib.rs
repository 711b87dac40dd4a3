#![doc = include_str!("../README.md")]

mod api;
mod behaviour;
mod builder;
mod credentials;
mod device;
mod fault;
mod faults;
mod fleet;
mod grip;
mod inbox;
mod random;
mod record;
mod request;
mod response;
mod route;
mod rule;
mod server;
mod service;
mod sim;
mod syntax;
mod tokens;
mod when;
mod world;

pub use behaviour::{DownlinkAnswer, ExpiresIn, SortShape, SwitchAnswer};
pub use builder::SimBuilder;
pub use credentials::SimCredentials;
pub use device::DeviceSpec;
pub use fault::Fault;
pub use fleet::Churn;
pub use record::{ReceivedDownlink, ReceivedRequest};
pub use route::{Route, UnknownRoute};
pub use rule::FaultRule;
pub use sim::{DEFAULT_CUSTOMER, DEFAULT_CUSTOMER_DEVICES, Sim};
pub use syntax::ParseRuleError;
pub use when::When;
