//! The resources of the current API.

use super::Filter;

/// A resource of the current API that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// `/devices`
    Devices,
    /// `/device-groups`
    DeviceGroups,
    /// `/projects`
    Projects,
    /// `/downlinks`: the downlinks of every connection.
    Downlinks,
    /// `/lora/downlinks`
    LoraDownlinks,
    /// `/mqtt/downlinks`
    MqttDownlinks,
    /// `/lora/bindings`
    LoraBindings,
    /// `/http/bindings`
    HttpBindings,
    /// `/mqtt/bindings`
    MqttBindings,
}

impl Resource {
    /// All resources.
    pub const ALL: [Self; 9] = [
        Self::Devices,
        Self::DeviceGroups,
        Self::Projects,
        Self::Downlinks,
        Self::LoraDownlinks,
        Self::MqttDownlinks,
        Self::LoraBindings,
        Self::HttpBindings,
        Self::MqttBindings,
    ];

    /// The path, below the base URL. The current API has no `/api` in front of it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Devices => "/devices",
            Self::DeviceGroups => "/device-groups",
            Self::Projects => "/projects",
            Self::Downlinks => "/downlinks",
            Self::LoraDownlinks => "/lora/downlinks",
            Self::MqttDownlinks => "/mqtt/downlinks",
            Self::LoraBindings => "/lora/bindings",
            Self::HttpBindings => "/http/bindings",
            Self::MqttBindings => "/mqtt/bindings",
        }
    }

    /// The scope that an access token needs to list this resource.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Devices => "device.read",
            Self::DeviceGroups => "device-group.read",
            Self::Projects => "project.read",
            Self::Downlinks | Self::LoraDownlinks | Self::MqttDownlinks => "downlink.read",
            Self::LoraBindings | Self::HttpBindings | Self::MqttBindings => "connector-binding.read",
        }
    }

    /// Whether the resource takes a filter. `false` only if the documentation names other resources for it.
    pub fn takes(self, filter: Filter) -> bool {
        let is_binding = matches!(self, Self::LoraBindings | Self::HttpBindings | Self::MqttBindings);
        match filter {
            Filter::CreatedBefore
            | Filter::CreatedSince
            | Filter::ModifiedBefore
            | Filter::ModifiedSince
            | Filter::ClientId
            | Filter::ProjectId => true,
            Filter::Q => !is_binding,
            Filter::DeviceId => is_binding || matches!(self, Self::LoraDownlinks | Self::MqttDownlinks),
            // These are fields of a device.
            Filter::Barcode | Filter::DeviceSpecificationId => self == Self::Devices,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_takes_the_filters_that_are_documented_for_it() {
        use Resource::*;
        let taken = |filter| Resource::ALL.into_iter().filter(move |resource| resource.takes(filter));
        for filter in [Filter::CreatedSince, Filter::ModifiedBefore, Filter::ClientId, Filter::ProjectId] {
            assert_eq!(taken(filter).count(), Resource::ALL.len());
        }
        let searched = [Devices, DeviceGroups, Projects, Downlinks, LoraDownlinks, MqttDownlinks];
        assert!(taken(Filter::Q).eq(searched));
        let of_a_device = [LoraDownlinks, MqttDownlinks, LoraBindings, HttpBindings, MqttBindings];
        assert!(taken(Filter::DeviceId).eq(of_a_device));
        assert!(taken(Filter::Barcode).chain(taken(Filter::DeviceSpecificationId)).eq([Devices, Devices]));
    }

    #[test]
    fn paths_are_those_of_the_documentation_and_each_has_its_scope() {
        let lines = Resource::ALL.map(|resource| format!("{} {}", resource.path(), resource.scope()));
        assert_eq!(
            lines,
            [
                "/devices device.read",
                "/device-groups device-group.read",
                "/projects project.read",
                "/downlinks downlink.read",
                "/lora/downlinks downlink.read",
                "/mqtt/downlinks downlink.read",
                "/lora/bindings connector-binding.read",
                "/http/bindings connector-binding.read",
                "/mqtt/bindings connector-binding.read",
            ]
        );
    }
}
