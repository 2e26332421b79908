//! A web page of its own: one file, no script, nothing from the network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page called `title` with `body`, in the colours that the reader's system prefers.
pub fn html_page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { (body) }
        }
    }
    .into_string()
}
