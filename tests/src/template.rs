//! `template.yaml` as JSON: CloudFormation's short forms (`!Ref x`) become its long ones (`{"Ref": "x"}`).

use anyhow::Context;
use serde_json::{Value, json};
use serde_norway::Value as Yaml;

/// Reads a template.
pub fn parse(text: &str) -> anyhow::Result<Value> {
    plain(serde_norway::from_str(text).context("template.yaml is no YAML")?)
}

fn plain(yaml: Yaml) -> anyhow::Result<Value> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = tag.trim_start_matches('!');
            let long = if matches!(name, "Ref" | "Condition") { name.to_owned() } else { format!("Fn::{name}") };
            json!({long: plain(tagged.value)?})
        }
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (Yaml, Yaml)| Ok((key.as_str().context("a key that is no string")?.to_owned(), plain(value)?));
            Value::Object(entries.into_iter().map(entry).collect::<anyhow::Result<_>>()?)
        }
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(plain).collect::<anyhow::Result<_>>()?),
        scalar => serde_json::to_value(scalar)?,
    })
}
