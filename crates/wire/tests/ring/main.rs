//! The tests of `wire`: vectors, every split point of each input, seeded random chunkings, and hostile inputs by name.

mod chunking;
mod digest;
mod disposition;
mod envelope;
mod form_advisories;
mod form_decode;
mod form_multer;
mod form_round_trip;
mod form_tricks;
mod http1_gate;
mod http1_request;
mod http1_response;
mod name;
mod sniff;
mod xml;
