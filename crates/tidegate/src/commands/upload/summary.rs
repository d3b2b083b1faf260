//! All files together: a table, and how many were stored.

use std::fmt;

use super::attempts::Delivered;
use crate::commands::table::{Column, Table};

/// What became of all files.
#[derive(Default)]
pub(super) struct Summary {
    files: usize,
    stored: usize,
    rows: Vec<[String; 5]>,
}

impl Summary {
    /// Takes in one more file; a line of it is kept for a table only.
    pub(super) fn note(&mut self, file: &str, delivered: &Delivered, in_table: bool) {
        self.files += 1;
        self.stored += usize::from(delivered.outcome.is_stored());
        if in_table {
            let [became, size, id, upload_id] = delivered.outcome.cells();
            self.rows.push([file.to_owned(), became, size, id, upload_id]);
        }
    }

    pub(super) fn all_stored(&self) -> bool {
        self.files == self.stored
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rows.is_empty() {
            let mut table = Table::new([
                Column::left("file"),
                Column::left("outcome"),
                Column::right("bytes"),
                Column::left("result"),
                Column::left("upload_id"),
            ]);
            self.rows.iter().for_each(|row| table.row(row.clone()));
            writeln!(f, "{table}")?;
        }
        match self.files {
            1 => Ok(()),
            files => writeln!(f, "{files} files: {} stored, {} not", self.stored, files - self.stored),
        }
    }
}
