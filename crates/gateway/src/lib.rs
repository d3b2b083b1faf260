//! .

pub mod transfer;

pub mod upstream;

pub mod budget;

pub mod metrics;

pub mod secrets;

pub mod uploads;
