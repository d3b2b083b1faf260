//! What only shows when all routes are seen together: names and paths that are taken.

use std::sync::Arc;

use super::path::overlap;
use super::route::CheckedRoute;
use crate::diagnostics::{Problem, Problems};

/// Reports every route that shares its name or its path with an earlier one.
pub(super) fn find(routes: &[&(Arc<str>, CheckedRoute)]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, (file, checked)) in routes.iter().enumerate() {
        let mut problems = Problems::new(Arc::clone(file));
        for (other_file, other) in routes.get(..index).unwrap_or_default() {
            if other.route.name == checked.route.name {
                let message = format!("two routes are called `{}`", checked.route.name);
                let problem = problems.error(checked.name_span, message);
                problem
                    .related_in(Arc::clone(other_file), other.name_span, "first given here")
                    .hint("give each route its own name: it is a metric label");
            }
            if overlap(&checked.route.path, &other.route.path) {
                let message = format!("this path takes requests of route `{}`", other.route.name);
                let problem = problems.error(checked.path_span, message);
                problem.related_in(Arc::clone(other_file), other.path_span, "this one").hint(hint(checked, other));
            }
        }
        found.extend(problems.into_vec());
    }
    found
}

fn hint(checked: &CheckedRoute, other: &CheckedRoute) -> String {
    if checked.route.path == other.route.path {
        return "give each route its own path".to_owned();
    }
    "give each route its own path; `PUT` adds the file's name as one more segment, so a path also takes what is one segment longer".to_owned()
}
