//! .

pub mod transfer;

pub mod upstream;

pub mod secrets;
