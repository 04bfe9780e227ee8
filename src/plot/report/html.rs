//! HTML under construction.

use super::super::draw::escape;

/// Longer tables are folded.
const LONG: usize = 12;

/// A page.
pub(super) struct Page {
    title: String,
    headings: Vec<String>,
    body: String,
}

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), headings: Vec::new(), body: String::new() }
    }

    /// HTML as it is.
    pub(super) fn add(&mut self, html: &str) {
        self.body.push_str(html);
    }

    pub(super) fn heading(&mut self, words: &str) {
        self.headings.push(words.to_owned());
        let n = self.headings.len();
        self.body.push_str(&format!("<h2 id=\"s{n}\">{}</h2>\n", escaped(words)));
    }

    /// Cells are HTML; folded under `name` where there are many rows.
    pub(super) fn table(&mut self, name: &str, head: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let cells = |row: &Vec<String>| {
            let cells: String = row.iter().map(|c| format!("<td>{c}</td>")).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let head: String =
            head.iter().map(|h| format!("<th scope=\"col\">{}</th>", escaped(h))).collect();
        let rows_of: String = rows.iter().map(cells).collect();
        let table = format!(
            "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows_of}</tbody>\n</table></div>\n"
        );
        if rows.len() > LONG {
            let summary = format!("{name} ({})", rows.len());
            let summary = escaped(&summary);
            self.add(&format!("<details><summary>{summary}</summary>\n{table}</details>\n"));
        } else {
            self.add(&table);
        }
    }

    /// Pairs of a word and HTML.
    pub(super) fn facts(&mut self, facts: &[(String, String)]) {
        let row = |(word, html): &(String, String)| {
            format!("<tr><td>{}</td><td>{html}</td></tr>\n", escaped(word))
        };
        let rows: String = facts.iter().map(row).collect();
        if !rows.is_empty() {
            self.add(&format!("<table class=\"facts\"><tbody>\n{rows}</tbody></table>\n"));
        }
    }

    pub(super) fn finish(self) -> String {
        let title = escaped(&self.title);
        let link = |(i, words): (usize, &String)| {
            format!("<a href=\"#s{}\">{}</a>\n", i + 1, escaped(words))
        };
        let links: String = self.headings.iter().enumerate().map(link).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             <nav>{links}</nav>\n{}</body>\n</html>\n",
            include_str!("style.css"),
            self.body
        )
    }
}

/// For texts and attributes.
pub(super) fn escaped(text: &str) -> String {
    escape(text)
}
