//! The resources that can be listed, and their filters.

/// A resource of the current API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Devices,
    DeviceGroups,
    Projects,
    Downlinks,
    LoraDownlinks,
    MqttDownlinks,
    LoraBindings,
    HttpBindings,
    MqttBindings,
}

impl Resource {
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/devices" => Self::Devices,
            "/device-groups" => Self::DeviceGroups,
            "/projects" => Self::Projects,
            "/downlinks" => Self::Downlinks,
            "/lora/downlinks" => Self::LoraDownlinks,
            "/mqtt/downlinks" => Self::MqttDownlinks,
            "/lora/bindings" => Self::LoraBindings,
            "/http/bindings" => Self::HttpBindings,
            "/mqtt/bindings" => Self::MqttBindings,
            _ => return None,
        })
    }

    /// The filters of this resource, apart from those that all have.
    pub(super) fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Devices => &["q", "barcode", "deviceSpecificationId"],
            Self::DeviceGroups | Self::Projects | Self::Downlinks => &["q"],
            Self::LoraDownlinks | Self::MqttDownlinks => &["q", "deviceId"],
            Self::LoraBindings | Self::HttpBindings | Self::MqttBindings => &["deviceId"],
        }
    }

    /// Whether its items are downlinks.
    pub(super) fn is_of_downlinks(self) -> bool {
        matches!(self, Self::Downlinks | Self::LoraDownlinks | Self::MqttDownlinks)
    }
}
