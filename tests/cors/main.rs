//! CORS, end to end: what browsers are told before and after a request, and what pages that are not allowed cannot do.

mod admin;
mod answers;
mod preflight;
mod refusals;
mod support;
