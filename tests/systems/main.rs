//! The five shipped systems, end to end: the real gateway over real sockets against the sandbox, which is strict where the
//! vendors are. What arrives there is compared byte for byte; what clients are told is compared with the contract.

mod connect;
mod every_form;
mod expiry;
mod forwarding;
mod lengths;
mod names;
mod parameters;
mod receipts;
mod refusals;
mod sizes;
mod storage_refusals;
mod stored;
mod tls;
mod upload;
