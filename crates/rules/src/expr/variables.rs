//! The variables of one evaluation: what each name looked up to, and the constants of the strict form.
//!
//! The engine asks for them by name. A map of names would be built and hashed for each evaluation; here the number in the name is
//! the index.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Object;

/// What an expression is evaluated with.
#[derive(Debug)]
pub(super) struct Variables {
    values: Vec<Value>,
    constants: Arc<[Value]>,
}

/// The variable of a name: `__0` and so on.
pub(super) fn name(index: usize) -> String {
    format!("{PREFIX}{index}")
}

/// The variable of a constant: `__c0` and so on.
pub(super) fn constant_name(index: usize) -> String {
    format!("{PREFIX}{CONSTANT}{index}")
}

/// A rule that wrote such a name would get a variable of its own for it, like for any other.
const PREFIX: &str = "__";
const CONSTANT: char = 'c';

impl Variables {
    pub(super) fn new(values: Vec<Value>, constants: &Arc<[Value]>) -> Self {
        Self { values, constants: Arc::clone(constants) }
    }
}

impl Object for Variables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let number = key.strip_prefix(PREFIX)?;
        let (all, index) = match number.strip_prefix(CONSTANT) {
            Some(index) => (&*self.constants, index),
            None => (self.values.as_slice(), number),
        };
        all.get(index.parse::<usize>().ok()?).cloned()
    }
}
