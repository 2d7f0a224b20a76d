//! Damage to JSON: values of other types, absurd sizes, keys gone.

use rand::RngExt;
use seed::Stream;
use serde_json::{Value, json};

/// Changes one value somewhere in the tree.
pub fn mutate(bytes: &[u8], stream: &mut Stream) -> Option<(&'static str, Vec<u8>)> {
    let mut tree: Value = serde_json::from_slice(bytes).ok()?;
    if stream.random_range(0..40) == 0 {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        return Some(("nested deeply", deep.into_bytes()));
    }
    let count = nodes(&tree);
    let mut left = stream.random_range(0..count);
    let what = change(&mut tree, &mut left, stream)?;
    Some((what, serde_json::to_vec(&tree).ok()?))
}

/// Values in the tree, itself among them.
fn nodes(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(items) => items.values().map(nodes).sum(),
        _ => 0,
    }
}

/// Changes the value that is `left` steps away in depth-first order.
fn change(tree: &mut Value, left: &mut usize, stream: &mut Stream) -> Option<&'static str> {
    if *left == 0 {
        return Some(change_here(tree, stream));
    }
    *left -= 1;
    match tree {
        Value::Array(items) => items
            .iter_mut()
            .find_map(|item| descend(item, left, stream)),
        Value::Object(items) => items
            .iter_mut()
            .find_map(|(_, item)| descend(item, left, stream)),
        _ => None,
    }
}

fn descend(item: &mut Value, left: &mut usize, stream: &mut Stream) -> Option<&'static str> {
    let count = nodes(item);
    if *left < count {
        return change(item, left, stream);
    }
    *left -= count;
    None
}

fn change_here(value: &mut Value, stream: &mut Stream) -> &'static str {
    match value {
        Value::Array(items) if !items.is_empty() && stream.random_range(0..2) == 0 => {
            let at = stream.random_range(0..items.len());
            match stream.random_range(0..3) {
                0 => {
                    items.remove(at);
                    "an element left out"
                }
                1 => {
                    let item = items[at].clone();
                    items.push(item);
                    "an element twice"
                }
                _ => {
                    let other = stream.random_range(0..items.len());
                    items.swap(at, other);
                    "elements swapped"
                }
            }
        }
        Value::Object(items) if !items.is_empty() && stream.random_range(0..2) == 0 => {
            let at = stream.random_range(0..items.len());
            let key = items.keys().nth(at).cloned().unwrap_or_default();
            let item = items.remove(&key);
            if stream.random_range(0..2) == 0 {
                items.insert(format!("{key}x"), item.unwrap_or_default());
                "a key misspelt"
            } else {
                "a key left out"
            }
        }
        Value::Number(_) if stream.random_range(0..2) == 0 => {
            let absurd = [
                json!(0),
                json!(1),
                json!(-1),
                json!(u64::MAX),
                json!(1u64 << 40),
                json!(u32::MAX),
                json!(65_536),
                json!(0.5),
                json!(1e308),
                json!(-0.0),
            ];
            *value = absurd[stream.random_range(0..absurd.len())].clone();
            "an absurd number"
        }
        Value::String(text) if stream.random_range(0..2) == 0 => {
            let strange = ["", " ", "▁", "é\u{0}", "../x", "<sep>", "zzzz", "0"];
            *text = match stream.random_range(0..=strange.len()) {
                at if at < strange.len() => strange[at].into(),
                _ => "x".repeat(100_000),
            };
            "a strange text"
        }
        other => {
            let types = [
                Value::Null,
                json!(true),
                json!(7),
                json!("text"),
                json!([]),
                json!({}),
                json!([[1], { "a": null }]),
            ];
            *other = types[stream.random_range(0..types.len())].clone();
            "a value of another type"
        }
    }
}
