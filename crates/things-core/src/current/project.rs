//! A project.

use std::borrow::Cow;

use super::Item;
use crate::json::Json;

/// A project of `GET /projects`, with the fields that are documented.
///
/// A method returns `None` if the service did not send its field as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project(Item);

impl Project {
    /// `id`
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.0.id()
    }

    /// `clientId`: the Customer ID of the customer that the project belongs to.
    pub fn client_id(&self) -> Option<Cow<'_, str>> {
        self.0.text("clientId")
    }

    /// `name`
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.0.text("name")
    }

    /// `description`
    pub fn description(&self) -> Option<Cow<'_, str>> {
        self.0.text("description")
    }

    /// `createdAt`: a time in ISO 8601.
    pub fn created_at(&self) -> Option<Cow<'_, str>> {
        self.0.text("createdAt")
    }

    /// `modifiedAt`: a time in ISO 8601.
    pub fn modified_at(&self) -> Option<Cow<'_, str>> {
        self.0.text("modifiedAt")
    }

    /// `createdBy`, such as `principal/2c5c24cb-...`.
    pub fn created_by(&self) -> Option<Cow<'_, str>> {
        self.0.text("createdBy")
    }

    /// `modifiedBy`, such as `principal/2c5c24cb-...`.
    pub fn modified_by(&self) -> Option<Cow<'_, str>> {
        self.0.text("modifiedBy")
    }

    /// `definition.type`
    pub fn definition_type(&self) -> Option<Cow<'_, str>> {
        self.0.get("definition").and_then(|definition: Json<'_>| definition.get("type"))?.text()
    }

    /// The item, with all its fields.
    pub fn item(&self) -> &Item {
        &self.0
    }
}

impl From<Item> for Project {
    fn from(item: Item) -> Self {
        Self(item)
    }
}

impl From<Project> for Item {
    fn from(project: Project) -> Self {
        project.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_fields_are_read_and_the_others_are_kept() {
        let json = r#"{"id":"p-1","clientId":"c-1","createdAt":"2026-01-05T09:00:00Z","modifiedAt":"2026-01-06T09:00:00Z",
            "createdBy":"principal/u-1","modifiedBy":"principal/u-2","name":"Roof","description":"All","definition":{"type":"LORA"},"x":7}"#;
        let project = Project::from(Item::from_json(json).unwrap());
        let texts = [
            project.id(),
            project.client_id(),
            project.created_at(),
            project.modified_at(),
            project.created_by(),
            project.modified_by(),
            project.name(),
            project.description(),
            project.definition_type(),
        ];
        let expected = [
            "p-1",
            "c-1",
            "2026-01-05T09:00:00Z",
            "2026-01-06T09:00:00Z",
            "principal/u-1",
            "principal/u-2",
            "Roof",
            "All",
            "LORA",
        ];
        assert_eq!(texts.map(|text| text.unwrap().into_owned()), expected);
        assert_eq!(project.item().get("x").unwrap().as_str(), "7");
        assert_eq!(Item::from(project).json().as_str(), json);
    }

    #[test]
    fn a_field_that_is_missing_or_no_text_is_none() {
        let project = Project::from(Item::from_json(r#"{"id":7,"definition":[]}"#).unwrap());
        assert_eq!((project.id(), project.name(), project.definition_type()), (None, None, None));
    }
}
