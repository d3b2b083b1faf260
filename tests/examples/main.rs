//! The worked examples, each against a scripted peer: the exact requests that go out are snapshots, and so is what the
//! client gets; each system's own way to say no becomes a problem.

mod airtable;
mod example;
mod jira;
mod linear;
mod notion;
mod openai;
mod slack;
mod zendesk;
