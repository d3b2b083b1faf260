//! Whether the steps of a route can use what is known of a client, before anything is sent.
//!
//! A claim is of whatever kind its issuer likes. A list in a header's place would be found out when its step is built, and by then
//! earlier steps may have created something; an issuer's odd token is no reason to take things back.

use std::sync::Arc;

use super::Client;
use crate::config::{Body, FormItem, HeaderItem, RequestRule, Route, Tree, UrlRule};
use crate::expr::{EvalError, Expression, Piece, Template};
use crate::failure::Failure;
use crate::run::{Facts, is_header_text, unfit_credentials};

/// Tries every text that is made of nothing but what is known with the head. One that needs more is tried when it is used.
///
/// # Errors
/// `forbidden` for a claim that has no kind for its place. The log says which step it is.
pub fn fits(route: &Route, client: &Client, captures: &[(String, String)]) -> Result<(), Failure> {
    let facts = client.known_with_head(captures, &route.env);
    let trial = Trial { facts: &facts };
    for step in &route.steps {
        let undo = step.undo.as_ref().map(|undo| &undo.request);
        for rule in [&step.request].into_iter().chain(undo) {
            trial.request(rule).map_err(|why| unfit_credentials(format!("step `{}`: {why}", step.id)))?;
        }
    }
    Ok(())
}

struct Trial<'f> {
    facts: &'f Facts,
}

impl Trial<'_> {
    fn request(&self, rule: &RequestRule) -> Result<(), String> {
        for item in rule.target.headers.iter().chain(&rule.headers) {
            if let HeaderItem::Written(_, template) = item {
                self.header(template)?;
            }
        }
        match &rule.url {
            UrlRule::Path(template) | UrlRule::Learned(template) => self.text(template)?,
        }
        rule.query.iter().try_for_each(|(_, template)| self.text(template))?;
        match &rule.body {
            Body::None | Body::File => Ok(()),
            Body::Json(tree) => self.tree(tree),
            Body::Urlencoded(pairs) => pairs.iter().try_for_each(|(_, template)| self.text(template)),
            Body::Text(template) => self.text(template),
            Body::Form(items) => items.iter().try_for_each(|item| match item {
                FormItem::Field { name, value, content_type } => {
                    [name, value].into_iter().chain(content_type).try_for_each(|template| self.text(template))
                }
                FormItem::File { part, filename, content_type } => {
                    [part].into_iter().chain(filename).chain(content_type).try_for_each(|template| self.text(template))
                }
                FormItem::Fields { .. } => Ok(()),
            }),
        }
    }

    /// A leaf that is one expression may be of any kind.
    fn tree(&self, tree: &Tree) -> Result<(), String> {
        match tree {
            Tree::Constant(_) => Ok(()),
            Tree::Leaf(template) if matches!(template.pieces(), [Piece::Expression(_)]) => Ok(()),
            Tree::Leaf(template) => self.text(template),
            Tree::List(items) => items.iter().try_for_each(|item| self.tree(item)),
            Tree::Map(members) => members.iter().try_for_each(|(_, member)| self.tree(member)),
        }
    }

    fn text(&self, template: &Template) -> Result<(), String> {
        if let [Piece::Expression(expression)] = template.pieces() {
            // Alone, `omit` may stand for it.
            return if can_try(expression) { template.eval_text(self.facts).map(drop).map_err(said) } else { Ok(()) };
        }
        template.pieces().iter().try_for_each(|piece| match piece {
            Piece::Expression(expression) if can_try(expression) => piece.text(self.facts).map(drop).map_err(said),
            _ => Ok(()),
        })
    }

    fn header(&self, template: &Template) -> Result<(), String> {
        self.text(template)?;
        let known = |piece: &Piece| match piece {
            Piece::Expression(expression) => expression.is_known_with_head(),
            Piece::Text(_) | Piece::Stream(_) => true,
        };
        let uses_client = |piece: &Piece| matches!(piece, Piece::Expression(expression) if expression.uses_client());
        if !template.pieces().iter().all(known) || !template.pieces().iter().any(uses_client) {
            return Ok(());
        }
        let fits = is_header_text(template, self.facts);
        if fits { Ok(()) } else { Err("a header would have characters that none may have, or lose some".to_owned()) }
    }
}

fn can_try(expression: &Expression) -> bool {
    expression.uses_client() && expression.is_known_with_head()
}

fn said(error: EvalError) -> String {
    error.message
}

impl Client {
    /// The facts that are known with the head.
    pub(super) fn known_with_head(
        &self,
        captures: &[(String, String)],
        env: &Arc<crate::config::Environment>,
    ) -> Facts {
        let mut facts = Facts::of_environment(Arc::clone(env));
        facts.path = minijinja::Value::from_pairs(captures.iter().cloned());
        facts.client = self.facts();
        facts
    }
}
