//! Tables for people: columns as wide as their widest cell.

use std::fmt;

/// A column's head and side.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Column {
    head: &'static str,
    right: bool,
}

impl Column {
    /// Texts.
    pub(in crate::commands) fn left(head: &'static str) -> Self {
        Self { head, right: false }
    }

    /// Numbers.
    pub(in crate::commands) fn right(head: &'static str) -> Self {
        Self { head, right: true }
    }
}

/// A table with `N` columns.
#[derive(Debug)]
pub(in crate::commands) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(in crate::commands) fn new(columns: [Column; N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(in crate::commands) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = self.columns.map(|column| column.head.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn line(&self, widths: &[usize; N], cells: &[String; N]) -> String {
        let cells = self.columns.iter().zip(widths).zip(cells).map(|((column, width), cell)| {
            if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        writeln!(f, "{}", self.line(&widths, &self.columns.map(|column| column.head.to_owned())))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", self.line(&widths, row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([Column::left("route"), Column::right("size")]);
        table.row(["a".to_owned(), "5 MiB".to_owned()]);
        table.row(["a-longer-one".to_owned(), "–".to_owned()]);
        assert_eq!(table.to_string(), "route          size\na             5 MiB\na-longer-one      –\n");
    }
}
