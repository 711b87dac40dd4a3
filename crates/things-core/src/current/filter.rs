//! The filters of the current API.

use crate::input::{InputError, check_opaque};
use crate::timestamp::check_timestamp;

/// A filter of a listing of the current API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// `createdBefore`: a date, or a time with an offset, in ISO 8601: `2026-01-31` or `2026-01-31T09:30:00Z`.
    CreatedBefore,
    /// `createdSince`: a date or a time.
    CreatedSince,
    /// `modifiedBefore`: a date or a time.
    ModifiedBefore,
    /// `modifiedSince`: a date or a time.
    ModifiedSince,
    /// `q`: a text to search for.
    ///
    /// For devices, device groups and projects, it is compared with name and description, and case does not matter. For
    /// downlinks, it is a whole `tagValue`, or a part of the `networkId` or of the message, and case matters:
    /// `urn:dev:DEVEUI:0059AC0000181EB6:`.
    Q,
    /// `clientId`: the Customer ID of a sub-customer.
    ClientId,
    /// `projectId`
    ProjectId,
    /// `barcode` of a device.
    Barcode,
    /// `deviceSpecificationId` of a device. It can be given several times.
    DeviceSpecificationId,
    /// `deviceId` of a binding, or of a downlink of one connection: the UUID of the device.
    DeviceId,
}

impl Filter {
    /// All filters.
    pub const ALL: [Self; 10] = [
        Self::CreatedBefore,
        Self::CreatedSince,
        Self::ModifiedBefore,
        Self::ModifiedSince,
        Self::Q,
        Self::ClientId,
        Self::ProjectId,
        Self::Barcode,
        Self::DeviceSpecificationId,
        Self::DeviceId,
    ];

    /// The name of the query parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedBefore => "createdBefore",
            Self::CreatedSince => "createdSince",
            Self::ModifiedBefore => "modifiedBefore",
            Self::ModifiedSince => "modifiedSince",
            Self::Q => "q",
            Self::ClientId => "clientId",
            Self::ProjectId => "projectId",
            Self::Barcode => "barcode",
            Self::DeviceSpecificationId => "deviceSpecificationId",
            Self::DeviceId => "deviceId",
        }
    }

    /// Rejects a value that cannot be right.
    pub(super) fn check(self, value: &str) -> Result<(), InputError> {
        match self {
            Self::CreatedBefore | Self::CreatedSince | Self::ModifiedBefore | Self::ModifiedSince => {
                check_timestamp(self.name(), value)
            }
            Self::Q if value.is_empty() => Err(InputError::new("q", "is empty: leave it out to list all")),
            Self::Q => Ok(()),
            Self::ClientId
            | Self::ProjectId
            | Self::Barcode
            | Self::DeviceSpecificationId
            | Self::DeviceId => check_opaque(self.name(), value),
        }
    }

    /// Whether it can be given several times.
    pub(super) fn is_list(self) -> bool {
        self == Self::DeviceSpecificationId
    }
}
