//! No surprise destination: whatever a rule, an upstream's answer or a name server says, no forbidden address is dialled.
//!
//! Everything runs behind a network of the test's own that records each look-up and each dial; a listener on loopback counts
//! what comes in all the same.

mod network;
mod rebinding;
mod spellings;
mod table;
