//! One table, written for a terminal, a web page or Markdown.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};
use maud::{Markup, html};

/// A line below the heading, nothing else.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('\u{2500}').junction('\u{2500}'));

/// A column's heading and how its cells are set.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    numeric: bool,
}

/// Rows of text under titled columns; a row can be marked to stand out.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<(Vec<String>, bool)>,
}

impl Table {
    /// A table without columns and rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of text, set to the left.
    pub fn text(mut self, title: impl Into<String>) -> Self {
        self.columns.push(Column {
            title: title.into(),
            numeric: false,
        });
        self
    }

    /// Adds a column of numbers, set to the right.
    pub fn number(mut self, title: impl Into<String>) -> Self {
        self.columns.push(Column {
            title: title.into(),
            numeric: true,
        });
        self
    }

    /// Adds a row; missing cells stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.push(cells, false);
    }

    /// Adds a row that stands out, such as the baseline.
    pub fn marked_row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.push(cells, true);
    }

    fn push(&mut self, cells: impl IntoIterator<Item = String>, marked: bool) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push((cells, marked));
    }

    /// Whether the table has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lines for a terminal of its width, or of 100 columns where there is none.
    pub fn to_text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(PLAIN);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.columns.iter().map(|column| column.title.clone()));
        for (index, column) in self.columns.iter().enumerate() {
            if let (true, Some(target)) = (column.numeric, table.column_mut(index)) {
                target.set_cell_alignment(CellAlignment::Right);
            }
        }
        for (cells, _) in &self.rows {
            table.add_row(cells.clone());
        }
        table.trim_fmt()
    }

    /// A `<table>`, scrolled sideways where the page is narrower.
    pub fn to_html(&self) -> Markup {
        html! {
            div.table {
                table {
                    thead { tr { @for column in &self.columns {
                        th.number[column.numeric] { (column.title) }
                    } } }
                    tbody { @for (cells, marked) in &self.rows {
                        tr.marked[*marked] { @for (column, cell) in self.columns.iter().zip(cells) {
                            td.number[column.numeric] { (cell) }
                        } }
                    } }
                }
            }
        }
    }

    /// A Markdown table.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(
            self.columns
                .iter()
                .map(|column| escaped(&column.title))
                .collect(),
        );
        text.push_str(&line(
            self.columns
                .iter()
                .map(|column| {
                    if column.numeric {
                        "---:".into()
                    } else {
                        "---".into()
                    }
                })
                .collect(),
        ));
        for (cells, _) in &self.rows {
            text.push_str(&line(cells.iter().map(|cell| escaped(cell)).collect()));
        }
        text
    }
}

fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        let mut table = Table::new().text("residual").number("error < 1");
        table.marked_row(["additive".into(), "0.033".into()]);
        table.row(["a|b".into()]);
        table
    }

    #[test]
    fn the_same_cells_appear_in_every_form() {
        let table = example();
        for text in [
            table.to_text(),
            table.to_html().into_string(),
            table.to_markdown(),
        ] {
            assert!(
                text.contains("additive") && text.contains("0.033"),
                "{text}"
            );
        }
        assert!(table.to_markdown().contains("| --- | ---: |"));
        assert!(table.to_markdown().contains("a\\|b"));
    }

    #[test]
    fn html_is_well_formed_and_escaped() {
        let html = example().to_html().into_string();
        let document = roxmltree::Document::parse(&html).expect("well-formed");
        assert_eq!(
            document
                .descendants()
                .filter(|node| node.has_tag_name("td"))
                .count(),
            4
        );
        assert!(html.contains("error &lt; 1"));
    }
}
