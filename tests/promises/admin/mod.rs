//! The admin API as operators and strangers meet it.

mod changes;
mod desk;
mod doors;
mod providers;
mod requests;
mod secrets;
