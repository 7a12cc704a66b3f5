//! What the engine's errors mean. Its SQLSTATE goes on, and its message never does: that may repeat a value of a row.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::store::{Outage, StoreError};

/// The error as callers and operators are told of it.
pub(super) fn told(error: &Error) -> StoreError {
    let Some(refused) = error.as_db_error() else { return StoreError::Unavailable(unanswered(error)) };
    let code = refused.code();
    // What our own SQL says holds no value of a row but names, and is what an operator needs.
    if code.code() == RAISED_BY_OURS {
        return StoreError::Refused(refused.message().to_owned());
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return StoreError::Forbidden;
    }
    StoreError::Unavailable(outage(code, refused))
}

fn outage(code: &SqlState, refused: &DbError) -> Outage {
    match code.code() {
        "28P01" | "28000" => Outage::Login,
        "3D000" => Outage::NoDatabase,
        state if state.starts_with("23") => {
            Outage::Violated { constraint: refused.constraint().unwrap_or_default().to_owned() }
        }
        state => Outage::Refused { state: state.to_owned(), name: name(state) },
    }
}

/// No answer of the server's: the network, TLS, or an answer that is not understood.
fn unanswered(error: &Error) -> Outage {
    let mut cause = error.source();
    while let Some(at) = cause {
        if let Some(tls) = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(tls) = tls.downcast_ref::<rustls::Error>()
        {
            return Outage::Tls(tls.to_string());
        }
        if let Some(network) = at.downcast_ref::<io::Error>() {
            return Outage::Unreachable(network.to_string());
        }
        cause = at.source();
    }
    match error.source() {
        // Of the client's own making: a login method that it lacks, a server without TLS.
        Some(cause) => Outage::Unreachable(format!("{error}: {cause}")),
        None => Outage::Unreachable(error.to_string()),
    }
}

/// The SQLSTATE of what migrations and functions of ours raise by themselves.
const RAISED_BY_OURS: &str = "WG001";

/// Whether the connection is of no use any more.
pub(super) fn is_lost(error: &Error) -> bool {
    let Some(refused) = error.as_db_error() else { return true };
    let fatal = matches!(refused.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    // A server that takes no writes has become a standby: another one is the primary now.
    fatal || *refused.code() == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// Whether the same transaction may well succeed when it is tried again.
pub(super) fn is_contention(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(Outage::Refused { state, .. }) if state == "40001" || state == "40P01")
}

pub(super) fn is_duplicate_schema(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(Outage::Refused { state, .. }) if state == "42P06")
}

/// The name of a state, or of its class (appendix A of PostgreSQL's documentation).
fn name(state: &str) -> &'static str {
    match state {
        "25006" => "read_only_sql_transaction",
        "40001" => "serialization_failure",
        "40P01" => "deadlock_detected",
        "42P01" => "undefined_table",
        "42883" => "undefined_function",
        "42703" => "undefined_column",
        "42P06" => "duplicate_schema",
        "42704" => "undefined_object",
        "53100" => "disk_full",
        "53200" => "out_of_memory",
        "53300" => "too_many_connections",
        "55P03" => "lock_not_available",
        "57014" => "query_canceled",
        "57P01" => "admin_shutdown",
        "57P02" => "crash_shutdown",
        "57P03" => "cannot_connect_now",
        "57P05" => "idle_session_timeout",
        "P0001" => "raise_exception",
        _ => class(state.get(..2).unwrap_or_default()),
    }
}

fn class(class: &str) -> &'static str {
    match class {
        "08" => "connection exception",
        "0A" => "feature not supported",
        "22" => "data exception",
        "25" => "invalid transaction state",
        "26" => "invalid SQL statement name",
        "40" => "transaction rollback",
        "42" => "syntax error or access rule violation",
        "53" => "insufficient resources",
        "54" => "program limit exceeded",
        "55" => "object not in prerequisite state",
        "57" => "operator intervention",
        "58" => "system error",
        "P0" => "PL/pgSQL error",
        "XX" => "internal error",
        _ => "unnamed",
    }
}
