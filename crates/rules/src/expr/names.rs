//! What an expression uses: names with their places, filters, tests and functions, read off its syntax tree.
//!
//! Each chain of look-ups such as `create.json.files[0].id` is one name. It is replaced by a variable of its own before the
//! expression is compiled, so that our facts answer the whole look-up: missing parents are undefined and not an error.

use minijinja::Value;
use minijinja::machinery::ast::{self, CallArg, Expr};

use super::engine::{self, Kind};
use super::{Reference, TemplateError};

/// One chain of look-ups.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// What is looked up, in order.
    pub(super) path: Vec<Segment>,
    /// Byte range in the expression's source.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) defaulted: bool,
}

/// One step of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// By name.
    Name(String),
    /// By position; negative from the end.
    Index(i64),
}

impl Chain {
    pub(super) fn reference(&self, offset: usize) -> Reference {
        Reference {
            path: self.names(),
            offset: offset + self.start,
            len: self.end - self.start,
            defaulted: self.defaulted,
        }
    }

    fn names(&self) -> Vec<String> {
        let name = |segment: &Segment| match segment {
            Segment::Name(name) => Some(name.clone()),
            Segment::Index(_) => None,
        };
        self.path.iter().filter_map(name).collect()
    }
}

/// Walks an expression; offsets of errors are relative to its source.
pub(super) fn chains(source: &str, expr: &Expr<'_>) -> Result<Vec<Chain>, TemplateError> {
    let mut walk = Walk { source, chains: Vec::new() };
    walk.expr(expr, false)?;
    walk.chains.sort_by_key(|chain| chain.start);
    Ok(walk.chains)
}

struct Walk<'s> {
    source: &'s str,
    chains: Vec<Chain>,
}

impl Walk<'_> {
    /// `defaulted`: the value may be undefined here.
    fn expr(&mut self, expr: &Expr<'_>, defaulted: bool) -> Result<(), TemplateError> {
        if let Some(chain) = chain_of(self.source, expr, defaulted) {
            self.chains.push(chain);
            return Ok(());
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::UnaryOp(op) => self.expr(&op.expr, false),
            Expr::BinOp(op) => self.all([&op.left, &op.right]),
            Expr::Compare(compare) => {
                self.expr(&compare.expr, false)?;
                compare.ops.iter().try_for_each(|op| self.expr(&op.expr, false))
            }
            Expr::IfExpr(choice) => {
                self.expr(&choice.test_expr, false)?;
                self.expr(&choice.true_expr, defaulted)?;
                choice.false_expr.iter().try_for_each(|other| self.expr(other, defaulted))
            }
            Expr::Filter(filter) => self.filter(filter, expr),
            Expr::Test(test) => {
                self.known(Kind::Test, test.name, expr)?;
                self.expr(&test.expr, matches!(test.name, "defined" | "undefined"))?;
                self.args(&test.args)
            }
            Expr::GetAttr(attr) => self.expr(&attr.expr, defaulted),
            Expr::GetItem(item) => {
                self.expr(&item.expr, defaulted)?;
                self.expr(&item.subscript_expr, false)
            }
            Expr::Slice(slice) => {
                self.expr(&slice.expr, false)?;
                let bounds = [&slice.start, &slice.stop, &slice.step];
                bounds.into_iter().flatten().try_for_each(|bound| self.expr(bound, false))
            }
            Expr::Call(call) => self.call(call, expr),
            Expr::List(list) => self.all(&list.items),
            Expr::Tuple(tuple) => self.all(&tuple.items),
            Expr::Map(map) => self.all(map.keys.iter().chain(&map.values)),
        }
    }

    fn all<'a, 'x: 'a>(&mut self, exprs: impl IntoIterator<Item = &'a Expr<'x>>) -> Result<(), TemplateError> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr, false))
    }

    fn args(&mut self, args: &[CallArg<'_>]) -> Result<(), TemplateError> {
        args.iter().try_for_each(|arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
                self.expr(expr, false)
            }
        })
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, whole: &Expr<'_>) -> Result<(), TemplateError> {
        self.known(Kind::Filter, filter.name, whole)?;
        let text = |position: usize| match filter.args.get(position) {
            Some(CallArg::Pos(Expr::Const(constant))) => constant.value.as_str(),
            _ => None,
        };
        // Some filters take the name of another filter or test, or a pattern: these are mistakes to find at load as well.
        let named = match filter.name {
            "map" => text(0).map(|name| (Kind::Filter, name)),
            "select" | "reject" => text(0).map(|name| (Kind::Test, name)),
            "selectattr" | "rejectattr" => text(1).map(|name| (Kind::Test, name)),
            _ => None,
        };
        if let Some((kind, name)) = named {
            self.known(kind, name, whole)?;
        }
        if filter.name == "regex"
            && let Some(Err(error)) = text(0).map(regex::Regex::new)
        {
            return Err(self.error(
                whole,
                format!("this pattern is no regular expression: {}", last_line(&error)),
                None,
            ));
        }
        if let Some(input) = &filter.expr {
            self.expr(input, matches!(filter.name, "default" | "d"))?;
        }
        self.args(&filter.args)
    }

    fn call(&mut self, call: &ast::Call<'_>, whole: &Expr<'_>) -> Result<(), TemplateError> {
        match &call.expr {
            Expr::Var(name) => self.known(Kind::Function, name.id, whole)?,
            Expr::GetAttr(attr) => {
                let message = format!("there is no method `{}`", attr.name);
                let hint = format!("values have filters, not methods: `value | {}(…)`", attr.name);
                return Err(self.error(whole, message, Some(hint)));
            }
            _ => return Err(self.error(whole, "this is no function".to_owned(), None)),
        }
        self.args(&call.args)
    }

    fn known(&self, kind: Kind, name: &str, whole: &Expr<'_>) -> Result<(), TemplateError> {
        if engine::is_known(kind, name) {
            return Ok(());
        }
        let span = whole.span();
        let around = self.source.get(span.start_offset as usize..).unwrap_or_default();
        // The name stands after the value it is applied to, so the last place of it inside the span is the right one.
        let within = around.get(..(span.end_offset.saturating_sub(span.start_offset)) as usize).unwrap_or(around);
        let (offset, len) = match within.rfind(name) {
            Some(at) => (span.start_offset as usize + at, name.len()),
            None => (span.start_offset as usize, within.len()),
        };
        let message = format!("there is no {} `{name}`", kind.word());
        Err(TemplateError { offset, len, message, hint: engine::suggest(kind, name) })
    }

    #[expect(clippy::unused_self, reason = "reads as the other reports do")]
    fn error(&self, expr: &Expr<'_>, message: String, hint: Option<String>) -> TemplateError {
        let span = expr.span();
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        TemplateError { offset: start, len: end.saturating_sub(start), message, hint }
    }
}

fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// The chain that an expression is, unless something in it is computed.
pub(super) fn chain_of(source: &str, expr: &Expr<'_>, defaulted: bool) -> Option<Chain> {
    let end = expr.span().end_offset as usize;
    let mut path = Vec::new();
    let mut at = expr;
    loop {
        match at {
            Expr::Var(var) => {
                let start = var.span().start_offset as usize;
                if engine::is_known(Kind::Constant, var.id) || has_parentheses(source.get(start..end)?) {
                    return None;
                }
                path.push(Segment::Name(var.id.to_owned()));
                path.reverse();
                return Some(Chain { path, start, end, defaulted });
            }
            Expr::GetAttr(attr) => {
                path.push(Segment::Name(attr.name.to_owned()));
                at = &attr.expr;
            }
            Expr::GetItem(item) => {
                path.push(literal(&item.subscript_expr.as_const()?)?);
                at = &item.expr;
            }
            _ => return None,
        }
    }
}

/// In `(a).b` the name begins inside the parentheses and ends outside: it cannot be cut out as one.
fn has_parentheses(text: &str) -> bool {
    let mut quote = None;
    text.chars().any(|c| match quote {
        Some(open) => {
            if c == open {
                quote = None;
            }
            false
        }
        None => {
            quote = matches!(c, '"' | '\'').then_some(c);
            matches!(c, '(' | ')')
        }
    })
}

fn literal(value: &Value) -> Option<Segment> {
    match value.as_str() {
        Some(name) => Some(Segment::Name(name.to_owned())),
        None if value.is_integer() => value.as_i64().map(Segment::Index),
        None => None,
    }
}
