//! The file format for editors (JSON Schema) and for beginners (a template), from and checked against the table of keys.

use serde_json::{Map, Value as Json, json};

use super::client::MODELS;
use super::keys::{Fallback, Key, Kind, TABLES, Table};
use crate::policy::Name;

/// A commented scenario file to begin with; it reads and runs as it is.
pub const TEMPLATE: &str = include_str!("template.toml");

/// The JSON Schema (draft 2020-12) of a scenario file, for editors that complete and check TOML.
///
/// A Kafka property is in it under each of its spellings, `"a.b.c"`, `a_b_c` and the nested tables that `a.b.c` is to TOML.
#[must_use]
pub fn json_schema() -> Json {
    let mut properties = Map::new();
    for table in TABLES {
        let schema = table_schema(table);
        if table.name.is_empty() {
            properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
        } else if table.repeated {
            properties.insert(table.name.into(), json!({ "type": "array", "description": table.doc, "items": schema }));
        } else {
            properties.insert(table.name.into(), schema);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fairdrain scenario",
        "type": "object",
        "required": ["schema_version", "topics"],
        "additionalProperties": false,
        "properties": properties,
    })
}

fn table_schema(table: &Table) -> Json {
    let mut properties = Map::new();
    for key in table.keys {
        for name in key.names() {
            let schema = key_schema(key);
            // Keys with underscores are one segment; dots make tables.
            let segments: Vec<&str> = name.split('.').collect();
            if segments.len() > 1 {
                properties.insert(name.into(), schema.clone());
                properties.insert(name.replace('.', "_"), schema.clone());
            }
            nest(&mut properties, &segments, schema);
        }
    }
    let required: Vec<&str> =
        table.keys.iter().filter(|k| matches!(k.default, Fallback::Required)).map(|k| k.name).collect();
    json!({
        "type": "object",
        "description": table.doc,
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

/// Adds `a.b.c` as c within b within a. Where a is a value itself (`client` beside `client.id`) TOML has no room for the tables.
fn nest(properties: &mut Map<String, Json>, segments: &[&str], schema: Json) {
    let [first, rest @ ..] = segments else { return };
    if rest.is_empty() {
        properties.insert((*first).into(), schema);
        return;
    }
    let inner = properties
        .entry(*first)
        .or_insert_with(|| json!({ "type": "object", "additionalProperties": false, "properties": {} }));
    if let Some(inner) = inner.get_mut("properties").and_then(Json::as_object_mut) {
        nest(inner, rest, schema);
    }
}

fn key_schema(key: &Key) -> Json {
    let mut schema = kind_schema(key.kind);
    let map = schema.as_object_mut().expect("kind_schema makes objects");
    let default = match key.default {
        Fallback::Required => String::new(),
        Fallback::Toml(text) => format!(" Default: {text}."),
        Fallback::Derived(how) => format!(" Default: {how}."),
    };
    map.insert("description".into(), format!("{}{default}", key.doc).into());
    schema
}

fn kind_schema(kind: Kind) -> Json {
    let integer = |min: u64, max: u64| json!({ "type": "integer", "minimum": min, "maximum": max });
    let quantity =
        |units: &str| json!({ "type": "string", "pattern": format!(r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*({units})\s*$") });
    let time = "h|min|s|ms|us|µs|ns";
    let size = "[GMK]iB|[GMk]?B";
    match kind {
        Kind::Version(known) => json!({ "const": known }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Choice(of) => json!({ "enum": of }),
        Kind::Count(min, max) => integer(min, max),
        Kind::Bytes(min, max) => json!({ "anyOf": [integer(min, max), quantity(size)] }),
        Kind::Duration => quantity(time),
        Kind::Millis(max) => json!({ "anyOf": [integer(0, max), quantity(time)] }),
        Kind::Rate => quantity("/ *(s|min|h)"),
        Kind::Bandwidth => quantity(&format!("({size}) */ *s")),
        Kind::Ratio => json!({ "type": "number", "minimum": 1, "maximum": 1000 }),
        Kind::Sizes => {
            let bytes = kind_schema(Kind::Bytes(0, super::keys::I32));
            let pair = json!({ "type": "array", "minItems": 2, "maxItems": 2 });
            let mut uniform = pair.clone();
            uniform["items"] = bytes.clone();
            let mut row = pair;
            row["prefixItems"] = json!([bytes, integer(1, u64::from(u32::MAX))]);
            let only = |name: &str, schema: Json| json!({ "type": "object", "required": [name], "additionalProperties": false, "properties": { name: schema } });
            let table = only("table", json!({ "type": "array", "minItems": 1, "items": row }));
            json!({ "anyOf": [bytes, only("uniform", uniform), table] })
        }
        Kind::Client => {
            let names = MODELS.iter().map(|m| {
                m.version.map_or(m.name.to_owned(), |v| format!(r"{}(@{}(\.[0-9]+)*)?", m.name, v.replace('.', r"\.")))
            });
            json!({ "type": "string", "pattern": format!("^({})$", names.collect::<Vec<_>>().join("|")) })
        }
        Kind::Schedulers => {
            let names = Name::ALL.map(Name::as_str);
            json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": { "enum": names } })
        }
        Kind::Inert => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Scenario, keys, read};

    #[test]
    fn the_schema_has_every_key_under_every_spelling() {
        let schema = json_schema();
        for table in TABLES {
            let at = match (table.name, table.repeated) {
                ("", _) => &schema["properties"],
                (name, true) => &schema["properties"][name]["items"]["properties"],
                (name, false) => &schema["properties"][name]["properties"],
            };
            for name in table.keys.iter().flat_map(Key::names) {
                assert!(at.get(name).is_some(), "[{}] {name}", table.name);
                let python = name.replace('.', "_");
                assert!(at.get(&python).is_some(), "[{}] {python}", table.name);
                let nested = name.split('.').try_fold(at, |at, segment| {
                    let inner = at.get(segment)?;
                    Some(inner.get("properties").unwrap_or(inner))
                });
                assert!(nested.is_some() || name.starts_with("client."), "[{}] {name} nested", table.name);
            }
        }
    }

    #[test]
    fn the_defaults_are_legal() {
        for key in TABLES.iter().flat_map(|t| t.keys) {
            if let Fallback::Toml(text) = key.default {
                read::default(key.kind, text);
            }
        }
    }

    #[test]
    fn the_template_reads_without_a_warning() {
        let parsed = Scenario::from_toml(TEMPLATE, "template.toml").expect("the template is legal");
        assert_eq!(parsed.warnings().len(), 0);
    }

    /// What the template shows commented out is legal too: it is the first thing that people try.
    #[test]
    fn the_template_with_all_its_comments_in_force_reads() {
        let text: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let parsed = Scenario::from_toml(&text, "template.toml");
        parsed.unwrap_or_else(|e| panic!("{e}\n{text}"));
    }

    #[test]
    fn the_template_shows_every_key_that_has_an_effect() {
        for table in TABLES {
            for key in table.keys.iter().filter(|k| !matches!(k.kind, Kind::Inert)) {
                let last = key.name.rsplit('.').next().unwrap_or(key.name);
                let shown = TEMPLATE.lines().any(|line| {
                    let line = line.trim_start_matches("#: ");
                    line.split('=').next().is_some_and(|name| keys::normal(name.trim()) == keys::normal(key.name))
                        || (key.name.starts_with("arrival.") && line.contains("arrival") && line.contains(last))
                });
                assert!(shown, "[{}] {}", table.name, key.name);
            }
        }
    }
}
