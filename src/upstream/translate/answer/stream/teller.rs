//! What holds for every stream, whoever speaks and whoever listens.

use std::mem;

use bytes::BytesMut;

use super::chat::ChatWriter;
use super::messages::MessagesWriter;
use super::responses::ResponsesWriter;
use super::{Opening, Prose, Writer};
use crate::sse::Sort;
use crate::upstream::translate::answer::failure::Failure;
use crate::upstream::translate::answer::words::{Head, NO_ARGUMENTS, Stop, Usage, object};
use crate::upstream::translate::{Expects, Format, Pair, Unreadable};

/// What has been told of an answer.
pub(super) struct Teller {
    pair: Pair,
    expects: Expects,
    now: u64,
    writer: Box<dyn Writer + Send>,
    out: BytesMut,
    sort: Sort,
    /// Of the event that is being read, by the last that it says: what ends a response tells why it stopped too.
    event_sort: Sort,
    begun: bool,
    open: Option<Open>,
    /// The open part grows no more. It is closed by what follows, which may say that the answer was cut off inside it.
    ended: bool,
    /// The open part has said something.
    grew: bool,
    /// What the open part has grown to, where its end needs it.
    whole: String,
    calls: bool,
    refuses: bool,
    stop: Option<Stop>,
    usage: Option<Usage>,
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Prose(Prose),
    Call,
}

impl Teller {
    pub(super) fn new(pair: Pair, expects: Expects, now: u64) -> Teller {
        let writer: Box<dyn Writer + Send> = match pair.caller {
            Format::Chat => Box::new(ChatWriter::new(expects.includes_usage)),
            Format::Messages => Box::new(MessagesWriter::default()),
            Format::Responses => Box::new(ResponsesWriter::default()),
        };
        Teller {
            pair,
            expects,
            now,
            writer,
            out: BytesMut::new(),
            sort: Sort::Lifecycle,
            event_sort: Sort::Lifecycle,
            begun: false,
            open: None,
            ended: false,
            grew: false,
            whole: String::new(),
            calls: false,
            refuses: false,
            stop: None,
            usage: None,
            over: false,
        }
    }

    /// The teller writes to `out` itself while a chunk is read, and gives it back by the same exchange.
    pub(super) fn swap_out(&mut self, out: &mut BytesMut) {
        mem::swap(&mut self.out, out);
    }

    pub(super) fn end_event(&mut self) {
        let sort = mem::replace(&mut self.event_sort, Sort::Lifecycle);
        if self.sort == Sort::Lifecycle {
            self.sort = sort;
        }
    }

    /// The sort of the first event, since it was last asked, that was no lifecycle frame.
    pub(super) fn take_sort(&mut self) -> Sort {
        mem::replace(&mut self.sort, Sort::Lifecycle)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    pub(super) fn begin(
        &mut self,
        id: &str,
        model: Option<&str>,
        created: Option<f64>,
        usage: Usage,
    ) -> Result<(), Unreadable> {
        if mem::replace(&mut self.begun, true) {
            return Err(Unreadable);
        }
        let head = Head::new(self.pair.upstream, id, model, created, &self.expects, self.now);
        self.writer.begin(head, usage, &mut self.out);
        Ok(())
    }

    /// More of a part of that kind, which begins with its first text where another is open.
    pub(super) fn say(&mut self, prose: Prose, text: &str) -> Result<(), Unreadable> {
        if text.is_empty() {
            return Ok(());
        }
        if self.ended || self.open != Some(Open::Prose(prose)) {
            self.begin_part(Opening::Prose(prose))?;
            self.open = Some(Open::Prose(prose));
            self.refuses |= prose == Prose::Refusal;
        }
        self.grow(text)
    }

    pub(super) fn call(&mut self, id: &str, name: &str) -> Result<(), Unreadable> {
        self.begin_part(Opening::Call { id, name })?;
        self.open = Some(Open::Call);
        self.calls = true;
        Ok(())
    }

    /// More of the arguments of the call that is open.
    pub(super) fn argue(&mut self, arguments: &str) -> Result<(), Unreadable> {
        if !self.calls_now() {
            return Err(Unreadable);
        }
        if arguments.is_empty() { Ok(()) } else { self.grow(arguments) }
    }

    pub(super) fn calls_now(&self) -> bool {
        !self.ended && self.open == Some(Open::Call)
    }

    /// Some upstreams say a part at once and not in pieces.
    pub(super) fn nothing_grew(&self) -> bool {
        self.ended || !self.grew
    }

    pub(super) fn close(&mut self) {
        self.ended = true;
    }

    fn begin_part(&mut self, part: Opening<'_>) -> Result<(), Unreadable> {
        if !self.begun || self.stop.is_some() {
            return Err(Unreadable);
        }
        self.close_part(false)?;
        self.event_sort = Sort::Content;
        self.writer.open(part, &mut self.out);
        Ok(())
    }

    fn grow(&mut self, text: &str) -> Result<(), Unreadable> {
        if self.is_needed_whole() {
            if self.whole.len() + text.len() + self.writer.held() > HELD_BYTES_MAX {
                return Err(Unreadable);
            }
            self.whole.push_str(text);
        }
        self.grew = true;
        self.event_sort = Sort::Content;
        self.writer.grow(text, &mut self.out);
        Ok(())
    }

    /// Responses repeat each part at its end, and the input of a call is checked for callers of messages.
    fn is_needed_whole(&self) -> bool {
        match self.pair.caller {
            Format::Chat => false,
            Format::Messages => self.open == Some(Open::Call),
            Format::Responses => true,
        }
    }

    /// Anthropic's callers are told objects, and have no word for what a model wrote that is none.
    fn close_part(&mut self, cut: bool) -> Result<(), Unreadable> {
        self.ended = false;
        let Some(open) = self.open else { return Ok(()) };
        if open == Open::Call && !cut {
            if !self.grew {
                self.grow(NO_ARGUMENTS)?;
            }
            if self.pair.caller == Format::Messages && object(&self.whole).is_none() {
                return Err(Unreadable);
            }
        }
        self.writer.close(&mem::take(&mut self.whole), cut, &mut self.out);
        self.open = None;
        self.grew = false;
        Ok(())
    }

    /// The caller is told at the end, since some upstreams say the usage only after the reason to stop, and some say the
    /// reason once more with it.
    pub(super) fn stop(&mut self, stop: Stop) -> Result<(), Unreadable> {
        let settled = stop.settled(self.calls, self.refuses)?;
        if self.stop == Some(settled) {
            return Ok(());
        }
        if !self.begun || self.stop.is_some() {
            return Err(Unreadable);
        }
        self.close_part(stop.cuts())?;
        self.event_sort = Sort::Content;
        self.stop = Some(settled);
        Ok(())
    }

    pub(super) fn used(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        let stop = self.stop.ok_or(Unreadable)?;
        self.writer.end(stop, self.usage, &mut self.out);
        self.over = true;
        self.event_sort = Sort::End;
        Ok(())
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        if !mem::replace(&mut self.over, true) {
            self.event_sort = Sort::Error;
            self.writer.fail(failure, &mut self.out);
        }
    }
}

/// As much as a whole answer may have; none of text comes near it.
const HELD_BYTES_MAX: usize = 32 << 20;
