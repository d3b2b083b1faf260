//! Conditions that decide who is let in: the same expressions, evaluated without minijinja's tolerance.
//!
//! There, values of different kinds have an order (every text is larger than every number), a list prints as text, and anything
//! that is not empty is true. Somebody whose issuer writes `"2"` where a number is meant would pass `level > 3`. Here each
//! operator demands the kinds that it is made for, and whatever does not have them is an error, below `not` and `or` as well: an
//! inequality that held because kinds differ would let in whoever has the odd claim.
//!
//! The expression is written anew from its syntax tree, each operator as a call of one of the functions below. Constants become
//! variables, so no text has to be escaped. No rule can call these functions, as names that are not in the reference are refused.

use std::fmt::Write as _;

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value, filters, tests};

use super::filters::{failed, scalar};
use super::names::{self, Chain};
use super::{EvalError, Template, TemplateError, variables};
use crate::expr::{Expression, Piece};
use crate::run::Facts;

/// Filters that take the characters of a text for items, where a condition means a list.
const OF_LISTS: [&str; 19] = [
    "batch",
    "chain",
    "dictsort",
    "first",
    "groupby",
    "items",
    "join",
    "last",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "select",
    "selectattr",
    "sort",
    "sum",
    "unique",
];

/// A condition that holds only if it is true, and not if it is anything else.
#[derive(Debug, Clone)]
pub struct Condition {
    template: Template,
    /// None for the words `true` and `false`.
    strict: Option<Expression>,
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// Text around an expression, which could never be true or false.
    pub(crate) fn new(template: Template) -> Result<Self, TemplateError> {
        let strict = match template.pieces() {
            [Piece::Expression(expression)] => Some(expression.strict()?),
            [Piece::Text(text)] if matches!(text.as_str(), "true" | "false") => None,
            _ => {
                return Err(TemplateError {
                    offset: 0,
                    len: 0,
                    message: "this is text and no condition".to_owned(),
                    hint: Some("write one expression, with everything inside its braces".to_owned()),
                });
            }
        };
        Ok(Self { template, strict })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Something undefined or null, an operator on kinds that it is not made for, a value that is neither true nor false.
    pub(crate) fn holds(&self, facts: &Facts) -> Result<bool, EvalError> {
        match &self.strict {
            None => Ok(self.template.as_literal() == Some("true")),
            Some(strict) => {
                Ok(strict.eval(facts)?.is_some_and(|value| value.kind() == ValueKind::Bool && value.is_true()))
            }
        }
    }

    /// As written, without braces.
    #[must_use]
    pub fn source(&self) -> String {
        self.template.source()
    }
}

/// The source of the strict form, and the constants in it: `__c0` and so on.
pub(super) fn rewritten(source: &str, expr: &Expr<'_>, chains: &[Chain]) -> (String, Vec<Value>) {
    let mut writer = Writer { source, chains, constants: Vec::new() };
    let text = writer.call("__bool", &[expr]);
    (text, writer.constants)
}

struct Writer<'s> {
    source: &'s str,
    chains: &'s [Chain],
    constants: Vec<Value>,
}

impl Writer<'_> {
    /// Everything that is not one word stands in parentheses.
    fn expr(&mut self, expr: &Expr<'_>) -> String {
        if let Some(found) = names::chain_of(self.source, expr, false)
            && let Some(index) = self.chains.iter().position(|chain| chain.start == found.start)
        {
            return variables::name(index);
        }
        match expr {
            Expr::Var(var) => var.id.to_owned(),
            Expr::Const(known) => self.constant(known.value.clone()),
            Expr::UnaryOp(op) => match op.op {
                UnaryOpKind::Not => format!("(not {})", self.call("__bool", &[&op.expr])),
                UnaryOpKind::Neg => format!("(-{})", self.call("__operand", &[&op.expr])),
            },
            Expr::BinOp(op) => self.binary(op.op, &op.left, &op.right),
            Expr::Compare(compare) => {
                let mut left = &compare.expr;
                let mut all = Vec::new();
                for op in &compare.ops {
                    all.push(self.call(comparison(op.op), &[left, &op.expr]));
                    left = &op.expr;
                }
                format!("({})", all.join(" and "))
            }
            Expr::IfExpr(choice) => {
                let test = self.call("__bool", &[&choice.test_expr]);
                let then = self.expr(&choice.true_expr);
                let other = choice.false_expr.as_ref().map(|other| format!(" else {}", self.expr(other)));
                format!("({then} if {test}{})", other.unwrap_or_default())
            }
            Expr::Filter(filter) => {
                let of_list = OF_LISTS.contains(&filter.name);
                let input = filter.expr.as_ref().map(|input| match of_list {
                    true => self.call("__list", &[input]),
                    false => self.expr(input),
                });
                format!("({} | {}{})", input.unwrap_or_default(), filter.name, self.args(&filter.args))
            }
            Expr::Test(test) => format!("({} is {}{})", self.expr(&test.expr), test.name, self.args(&test.args)),
            Expr::GetAttr(attr) => format!("({}.{})", self.expr(&attr.expr), attr.name),
            Expr::GetItem(item) => format!("({}[{}])", self.expr(&item.expr), self.expr(&item.subscript_expr)),
            Expr::Slice(slice) => {
                let value = self.expr(&slice.expr);
                let mut bound = |bound: &Option<Expr<'_>>| bound.as_ref().map_or_else(String::new, |at| self.expr(at));
                let (start, stop) = (bound(&slice.start), bound(&slice.stop));
                format!("({value}[{start}:{stop}:{}])", bound(&slice.step))
            }
            Expr::Call(call) => format!("{}{}", self.expr(&call.expr), self.args(&call.args)),
            Expr::List(list) => format!("[{}]", self.all(&list.items)),
            Expr::Tuple(tuple) => format!("({},)", self.all(&tuple.items)),
            Expr::Map(map) => {
                let pairs = map.keys.iter().zip(&map.values);
                let pairs: Vec<_> =
                    pairs.map(|(key, value)| format!("{}: {}", self.expr(key), self.expr(value))).collect();
                format!("{{{}}}", pairs.join(", "))
            }
        }
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> String {
        let (word, operand) = match op {
            BinOpKind::Eq => return self.call("__eq", &[left, right]),
            BinOpKind::Ne => return self.call("__ne", &[left, right]),
            BinOpKind::Lt => return self.call("__lt", &[left, right]),
            BinOpKind::Lte => return self.call("__le", &[left, right]),
            BinOpKind::Gt => return self.call("__gt", &[left, right]),
            BinOpKind::Gte => return self.call("__ge", &[left, right]),
            BinOpKind::In => return self.call("__in", &[left, right]),
            BinOpKind::ScAnd => ("and", "__bool"),
            BinOpKind::ScOr => ("or", "__bool"),
            BinOpKind::Add => ("+", "__operand"),
            BinOpKind::Sub => ("-", "__operand"),
            BinOpKind::Mul => ("*", "__operand"),
            BinOpKind::Div => ("/", "__operand"),
            BinOpKind::FloorDiv => ("//", "__operand"),
            BinOpKind::Rem => ("%", "__operand"),
            BinOpKind::Pow => ("**", "__operand"),
            BinOpKind::Concat => ("~", "__scalar"),
        };
        let (left, right) = (self.call(operand, &[left]), self.call(operand, &[right]));
        format!("({left} {word} {right})")
    }

    fn call(&mut self, function: &str, args: &[&Expr<'_>]) -> String {
        let args: Vec<_> = args.iter().map(|arg| self.expr(arg)).collect();
        format!("{function}({})", args.join(", "))
    }

    fn all(&mut self, items: &[Expr<'_>]) -> String {
        items.iter().map(|item| self.expr(item)).collect::<Vec<_>>().join(", ")
    }

    fn args(&mut self, args: &[CallArg<'_>]) -> String {
        let mut text = String::from("(");
        for arg in args {
            let (prefix, expr) = match arg {
                CallArg::Pos(expr) => (String::new(), expr),
                CallArg::Kwarg(name, expr) => (format!("{name}="), expr),
                CallArg::PosSplat(expr) => ("*".to_owned(), expr),
                CallArg::KwargSplat(expr) => ("**".to_owned(), expr),
            };
            // Writing to a string cannot fail.
            let _infallible = write!(text, "{prefix}{}, ", self.expr(expr));
        }
        format!("{})", text.trim_end_matches(", "))
    }

    fn constant(&mut self, value: Value) -> String {
        self.constants.push(value);
        variables::constant_name(self.constants.len().saturating_sub(1))
    }
}

fn comparison(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "__eq",
        CompareOpKind::Ne => "__ne",
        CompareOpKind::Lt => "__lt",
        CompareOpKind::Lte => "__le",
        CompareOpKind::Gt => "__gt",
        CompareOpKind::Gte => "__ge",
        CompareOpKind::In => "__in",
        CompareOpKind::NotIn => "__not_in",
    }
}

/// Adds the functions, and puts strict ones in the place of tests and filters that compare values or take anything for text.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("__bool", boolean);
    environment.add_function("__list", list);
    environment.add_function("__operand", operand);
    environment.add_function("__scalar", |value: &Value| scalar(value));
    environment.add_function("__eq", equal);
    environment.add_function("__ne", unequal);
    environment.add_function("__lt", less);
    environment.add_function("__le", at_most);
    environment.add_function("__gt", greater);
    environment.add_function("__ge", at_least);
    environment.add_function("__in", contained);
    environment.add_function("__not_in", |item: &Value, within: &Value| contained(item, within).map(|found| !found));
    environment.add_test("eq", equal);
    environment.add_test("ne", unequal);
    environment.add_test("lt", less);
    environment.add_test("le", at_most);
    environment.add_test("gt", greater);
    environment.add_test("ge", at_least);
    environment.add_test("in", contained);
    environment.add_test("true", boolean);
    environment.add_test("false", |value: &Value| boolean(value).map(|value| !value));
    environment.add_test("startingwith", |value: &str, other: &str| value.starts_with(other));
    environment.add_test("endingwith", |value: &str, other: &str| value.ends_with(other));
    environment.add_test("lower", |value: &Value| text(value).map(|_| tests::is_lower(value)));
    environment.add_test("upper", |value: &Value| text(value).map(|_| tests::is_upper(value)));
    environment.add_test("odd", |value: &Value| number(value).map(|()| tests::is_odd(value.clone())));
    environment.add_test("even", |value: &Value| number(value).map(|()| tests::is_even(value.clone())));
    environment.add_test("divisibleby", |value: &Value, other: &Value| {
        number(value).and_then(|()| number(other)).map(|()| tests::is_divisibleby(value, other))
    });
    environment.add_filter("bool", boolean);
    environment.add_filter("lower", |value: &str| value.to_lowercase());
    environment.add_filter("upper", |value: &str| value.to_uppercase());
    environment.add_filter("title", |value: &str| filters::title(value.into()));
    environment.add_filter("capitalize", capitalize);
    environment.add_filter("trim", |value: &str, chars: Option<&str>| match chars {
        Some(chars) => value.trim_matches(|c| chars.contains(c)).to_owned(),
        None => value.trim().to_owned(),
    });
}

fn capitalize(value: &str) -> String {
    let mut chars = value.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// The kind of a value that can be compared at all.
fn kind(value: &Value) -> Result<ValueKind, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Iterable => Ok(ValueKind::Seq),
        // `float` makes these of texts; they are larger than everything, or than nothing.
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(|number| !number.is_finite()) => {
            Err(failed("`number` expected, not an infinite one"))
        }
        kind @ (ValueKind::Bool | ValueKind::Number | ValueKind::String | ValueKind::Seq | ValueKind::Map) => Ok(kind),
        _ => Err(failed("`null` and numbers beyond 64 bits cannot be compared")),
    }
}

fn boolean(value: &Value) -> Result<bool, Error> {
    match kind(value)? {
        ValueKind::Bool => Ok(value.is_true()),
        _ => Err(failed("`true` or `false` expected")),
    }
}

fn list(value: &Value) -> Result<Value, Error> {
    match kind(value)? {
        ValueKind::Seq | ValueKind::Map => Ok(value.clone()),
        _ => Err(failed("`list` expected")),
    }
}

fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| failed("`text` expected"))
}

fn number(value: &Value) -> Result<(), Error> {
    if kind(value)? == ValueKind::Number { Ok(()) } else { Err(failed("`number` expected")) }
}

/// A value to reckon with: a boolean would count as 0 or 1.
fn operand(value: &Value) -> Result<Value, Error> {
    match kind(value)? {
        ValueKind::Bool => Err(failed("`true` and `false` are no numbers")),
        _ => Ok(value.clone()),
    }
}

fn same_kind(left: &Value, right: &Value) -> Result<ValueKind, Error> {
    let (left, right) = (kind(left)?, kind(right)?);
    if left == right { Ok(left) } else { Err(failed("`that` compares values of different kinds")) }
}

/// Equality, of lists and maps item by item: their items must be of the same kinds too.
fn equal(left: &Value, right: &Value) -> Result<bool, Error> {
    match same_kind(left, right)? {
        ValueKind::Seq => {
            if left.len() != right.len() {
                return Ok(false);
            }
            let mut same = true;
            for (left, right) in left.try_iter()?.zip(right.try_iter()?) {
                same &= equal(&left, &right)?;
            }
            Ok(same)
        }
        ValueKind::Map => {
            let mut same = left.len() == right.len();
            for key in left.try_iter()? {
                let other = right.get_item(&key)?;
                same &= !other.is_undefined() && equal(&left.get_item(&key)?, &other)?;
            }
            Ok(same)
        }
        _ => Ok(left == right),
    }
}

fn unequal(left: &Value, right: &Value) -> Result<bool, Error> {
    equal(left, right).map(|equal| !equal)
}

/// Numbers have an order, and texts have one; nothing else has.
fn ordering(left: &Value, right: &Value) -> Result<std::cmp::Ordering, Error> {
    match same_kind(left, right)? {
        ValueKind::Number | ValueKind::String => Ok(left.cmp(right)),
        _ => Err(failed("`number` or `text` expected: nothing else is larger or smaller")),
    }
}

fn less(left: &Value, right: &Value) -> Result<bool, Error> {
    ordering(left, right).map(std::cmp::Ordering::is_lt)
}

fn at_most(left: &Value, right: &Value) -> Result<bool, Error> {
    ordering(left, right).map(std::cmp::Ordering::is_le)
}

fn greater(left: &Value, right: &Value) -> Result<bool, Error> {
    ordering(left, right).map(std::cmp::Ordering::is_gt)
}

fn at_least(left: &Value, right: &Value) -> Result<bool, Error> {
    ordering(left, right).map(std::cmp::Ordering::is_ge)
}

/// Whether a list has an item, or a map a key. Within a text any part would be found: `adm` in `badmin`.
fn contained(item: &Value, within: &Value) -> Result<bool, Error> {
    kind(item)?;
    match kind(within)? {
        ValueKind::Map => Ok(!within.get_item(&text(item)?.into())?.is_undefined()),
        ValueKind::Seq => {
            let mut odd = None;
            for other in within.try_iter()? {
                match equal(item, &other) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(error) => odd = Some(error),
                }
            }
            // It is not there, but something is that could not be compared with it.
            odd.map_or(Ok(false), Err)
        }
        _ => Err(failed("`in` wants a list or a map on its right: a text is cut with `split`")),
    }
}
