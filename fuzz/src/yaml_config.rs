//! `check` of a configuration. The input is the text of a route, or of a main file if it begins with `#main`.

use rules::check::{Missing, Source, check, load};
use rules::explain::explain;

use crate::routes::{self, Files};

/// Longer files find nothing that shorter ones do not.
const MAX_TEXT: usize = 16 * 1024;

/// A report may repeat a line of the file for each problem, and it keeps 500 problems: that bounds it.
const MAX_PROBLEMS: usize = 500;

/// Checking any text ends with a report in which each problem has a place in its file, or with a configuration; what `load`
/// takes has no error in the report, and can be explained.
pub fn yaml_config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if text.len() > MAX_TEXT {
        return;
    }
    let files = if text.starts_with("#main") { Files::with_main(&text) } else { Files::with_route(&text) };
    let env = routes::environment();
    for missing in [Missing::Refused, Missing::Tolerated] {
        let report = check(Files::MAIN, &files, &env, missing);
        assert!(report.problems().len() <= MAX_PROBLEMS);
        for problem in report.problems() {
            let file = files.read(&problem.file).expect("a problem is in a file that was read");
            assert!(file.get(problem.span.start..problem.span.end).is_some(), "{problem:?} has a place in its file");
            assert!(!problem.message.is_empty());
        }
        assert_eq!(report.is_empty(), report.to_string().is_empty(), "every problem is shown");
        serde_json::to_string(&report).expect("a report is JSON");
        if missing == Missing::Refused {
            let loaded = load(Files::MAIN, &files, &env);
            assert!(loaded.is_err() || report.errors() == 0, "what is loaded has no error");
            loaded.into_iter().flat_map(|checked| checked.config.routes).for_each(|route| {
                let _plan_or_refusal = explain(&route, routes::offer("a.png"));
            });
        }
    }
}
