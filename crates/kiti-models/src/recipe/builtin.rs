//! The recipes that are part of this crate.

/// Name and text of each.
pub(super) const RECIPES: &[(&str, &str)] = &[("heat", include_str!("../../recipes/heat.toml"))];
