//! How the weights changed their directions.

use maud::{Markup, PreEscaped, html};

use crate::condense::EXPLANATION;
use crate::render::chart_frame::Theme;
use crate::report::condensation::{picture, summary_table, weight_tables};
use crate::report::records::Experiment;

pub(super) fn section(experiment: &Experiment) -> Markup {
    let table = summary_table(experiment);
    html! {
        p { (EXPLANATION) }
        @if table.is_empty() {
            p { "No run is finished yet." }
        } @else {
            p.soft { "Means over all weights of the network and all seeds; participation and the ranks are per neuron." }
            (table.to_html())
            details {
                summary { "Weight by weight" }
                @for (name, table) in weight_tables(experiment) { h3 { (name) } (table.to_html()) }
            }
            h3 { "Who resembles whom" }
            p {
                "Each picture shows |cos| between all pairs of neurons of one weight (at most 128 of them), sorted so that similar neurons are neighbours: "
                "bright squares along the diagonal are groups of neurons that do the same. One seed is shown."
            }
            @match picture(experiment) {
                Ok(Some(picture)) => figure { (PreEscaped(picture.to_svg(Theme::Inline))) },
                Ok(None) => {},
                Err(failure) => div.note { "The pictures could not be drawn: " (failure) },
            }
        }
    }
}
