//! What goes out, and what comes back: no forbidden address is dialled, whatever a rule, an upstream's answer or a name server
//! says, and no secret leaves by what people read.
//!
//! Everything runs behind a network of the test's own that records each look-up and each dial; a listener on loopback counts
//! what comes in all the same.

mod canaries;
mod forms;
mod network;
mod rebinding;
mod repeated;
mod spellings;
mod table;
