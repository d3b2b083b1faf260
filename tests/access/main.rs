//! Who may upload: keys, tokens, certificates and tickets over real sockets, and every way in which each is abused.

mod certificates;
mod issuer;
mod keys;
mod log;
mod minters;
mod pipes;
mod stage;
mod tickets;
mod tokens;
