//! What a request says: its body, bounded, parsed once, with the places of the user's text and the edits to be made.
//!
//! The bytes that were scanned are the bytes that are forwarded: edits are spliced into them, and whatever two parsers
//! could read in two ways is refused (promise S30).

mod dialect;
pub mod edit;
pub mod json;
mod texts;

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http_body::Body;
use http_body_util::BodyExt;

use self::edit::Edit;
use self::json::{Document, JsonError, Value};
use crate::route::{Dialect, Endpoint, Route};

#[derive(Clone, Debug)]
pub struct Config {
    pub body_bytes_max: usize,
    /// Levels of arrays and objects.
    pub depth_max: usize,
    /// The longest that reading a body may take.
    pub read_timeout: Duration,
}

/// Long conversations with a few images; providers accept up to 32 MB, and every request under way may hold this much.
pub const DEFAULT_BODY_BYTES_MAX: usize = 10 << 20;
/// JSON Schemas of tools are the deepest that clients send, at a dozen levels.
pub const DEFAULT_DEPTH_MAX: usize = 64;
/// The largest body at 350 kB/s, some 3 Mbit/s.
pub const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);

impl Default for Config {
    fn default() -> Config {
        Config {
            body_bytes_max: DEFAULT_BODY_BYTES_MAX,
            depth_max: DEFAULT_DEPTH_MAX,
            read_timeout: DEFAULT_READ_TIMEOUT,
        }
    }
}

/// A text of the body that a model will read, and that neither its operator nor a model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where its string literal stands in the body, quotes included.
    pub literal: Range<usize>,
    pub source: Source,
    /// Texts of one number stand side by side in the conversation: no answer of the assistant's parts them.
    pub turn: usize,
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    User,
    /// What a tool gave back, which the user need never have seen.
    Tool,
    /// What the user attached, and what was found for a question.
    Document,
}

/// Why a body is not read, or not forwarded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the body did not arrive in time")]
    Timeout,
    #[error("the body broke off")]
    Incomplete,
    #[error("the content-encoding is not read here; send the body uncompressed")]
    Encoding,
    #[error("the content-type is not read here; send application/json in UTF-8")]
    Type,
    #[error("the body is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    #[error("{0}")]
    Shape(ShapeError),
}

/// The body is JSON, and not what its route takes. Names the place by the caller's own words, such as `messages[2].role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    pub place: String,
    pub problem: &'static str,
}

impl std::fmt::Display for ShapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.place, self.problem)
    }
}

/// A request's body, and what is known of it.
pub struct Prompt {
    document: Option<Document>,
    endpoint: Endpoint,
    model: Option<Model>,
    texts: Vec<Text>,
    /// Changes to the texts that the scanner asked for.
    edits: Vec<Edit>,
}

struct Model {
    name: String,
    literal: Range<usize>,
}

impl Prompt {
    /// Reads the body of a request on `route`; a route without a body reads none.
    pub async fn read<B>(route: &Route, headers: &HeaderMap, body: B, config: &Config) -> Result<Prompt, PromptError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if matches!(route.endpoint, Endpoint::Models | Endpoint::Health | Endpoint::Ready | Endpoint::Account(_)) {
            return Ok(Prompt::without_body(route.endpoint));
        }
        let bytes = read_json(headers, body, config).await?;
        if bytes.is_empty() && route.endpoint == Endpoint::App {
            return Ok(Prompt::without_body(route.endpoint));
        }
        Prompt::parse(route, bytes, config.depth_max)
    }

    /// Parses a whole body as `route` takes it.
    pub fn parse(route: &Route, body: Bytes, depth_max: usize) -> Result<Prompt, PromptError> {
        let document = Document::parse(body, depth_max)?;
        dialect::check_owned_fields(document.root()).map_err(PromptError::Shape)?;
        let texts = texts::find(route, document.root()).map_err(PromptError::Shape)?;
        let model = dialect::model(route, document.root()).map_err(PromptError::Shape)?;
        let model = model.map(|value| Model { name: text_of(value), literal: value.span() });
        Ok(Prompt { document: Some(document), endpoint: route.endpoint, model, texts, edits: Vec::new() })
    }

    fn without_body(endpoint: Endpoint) -> Prompt {
        Prompt { document: None, endpoint, model: None, texts: Vec::new(), edits: Vec::new() }
    }

    /// The body as it came; empty where there is none.
    pub fn body(&self) -> Bytes {
        self.document.as_ref().map(|document| document.bytes().clone()).unwrap_or_default()
    }

    pub fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.name.as_str())
    }

    /// Whether the body asks for a stream of events, as every dialect has it: `"stream": true`.
    pub fn streams(&self) -> bool {
        let stream = self.document.as_ref().and_then(|document| document.root().get("stream"));
        stream.is_some_and(|stream| stream.raw() == "true")
    }

    /// The tenants that the body names, beside its own fields those in `metadata`.
    pub fn tenants_named(&self) -> Vec<NamedTenant<'_>> {
        self.document.as_ref().map(|document| dialect::tenants_named(document.root())).unwrap_or_default()
    }

    /// What is there to be scanned, in the order of the conversation.
    pub fn texts(&self) -> &[Text] {
        &self.texts
    }

    /// A string literal of the body, unescaped.
    pub fn text(&self, literal: &Range<usize>) -> Cow<'_, str> {
        json::unescape(self.raw(literal))
    }

    /// A string literal of the body as it stands there, quotes included.
    pub fn raw(&self, literal: &Range<usize>) -> &str {
        let body = self.document.as_ref().map_or(&[][..], |document| document.bytes());
        body.get(literal.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("\"\"")
    }

    /// Asks for changes to the texts, made when the body is sent.
    pub fn amend(&mut self, edits: Vec<Edit>) {
        self.edits.extend(edits);
    }

    /// The body for one upstream: the scanner's edits, the upstream's name for the model, and what it is told of the
    /// principal: where that is nothing, a client cannot tell it either. Without any edit these are the very bytes that
    /// came.
    pub fn render(&self, model: Option<&str>, dialect: Dialect, told: Option<&Told<'_>>) -> Bytes {
        let Some(document) = &self.document else { return Bytes::new() };
        let renamed = self.model.as_ref().zip(model).filter(|(asked, wanted)| asked.name != **wanted);
        let renamed = renamed.map(|(asked, wanted)| Edit::replace_with_string(asked.literal.clone(), wanted));
        let blanked = dialect::blank(dialect, document.root(), told);
        let mut told = match told {
            Some(told) => dialect::tell(self.endpoint, dialect, document.root(), told),
            None => dialect::hush(dialect, document.root()),
        };
        told.extend(blanked);
        let holds = |spelling: &&[u8]| memchr::memmem::find(document.bytes(), spelling).is_some();
        if self.endpoint == Endpoint::Messages && UNSIGNED.iter().any(holds) {
            told.extend(dialect::unsigned_thinking(document.root()));
        }
        // An app's pointer may lead into a field of ours: what stands there goes as a whole.
        let apart = |edit: &&Edit| told.iter().all(|ours| !ours.overlaps(edit));
        let mut edits: Vec<&Edit> = self.edits.iter().filter(apart).chain(&renamed).chain(&told).collect();
        edit::splice(document.bytes(), &mut edits)
    }
}

/// Seldom anywhere, so that it is looked for before the conversation is walked through. As clients write back what they got.
const UNSIGNED: [&[u8]; 2] = [br#""signature":"""#, br#""signature": """#];

/// A tenant that a body names, by id or slug.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedTenant<'a> {
    /// Of a value that is no text, its JSON.
    pub name: Cow<'a, str>,
    /// Whether upstreams get what we know in its place.
    pub written_over: bool,
}

/// What a provider is told of the principal, in the body field that it has for that.
pub struct Told<'a> {
    pub tenant_id: &'a str,
    pub tenant_slug: &'a str,
    pub principal_id: &'a str,
    /// A digest that names the principal to nobody but us.
    pub opaque: &'a str,
}

/// Reads a body that says it is JSON, or says nothing, bounded in bytes and time.
pub async fn read_json<B>(headers: &HeaderMap, body: B, config: &Config) -> Result<Bytes, PromptError>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Told by headers alone first: what cannot be read is not worth waiting for.
    check_encoding(headers)?;
    check_type(headers)?;
    let reading = tokio::time::timeout(config.read_timeout, collect(body, config.body_bytes_max));
    reading.await.map_err(|_| PromptError::Timeout)?
}

fn text_of(value: Value<'_>) -> String {
    value.text().map(Cow::into_owned).unwrap_or_default()
}

fn check_encoding(headers: &HeaderMap) -> Result<(), PromptError> {
    let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(identity) { Ok(()) } else { Err(PromptError::Encoding) }
}

/// JSON in UTF-8, or nothing said. A form or another charset could be read as other text than the one scanned.
fn check_type(headers: &HeaderMap) -> Result<(), PromptError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(()) };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media == "application/json" || media.ends_with("+json"));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"),
        _ => true,
    });
    if json && utf8 && values.next().is_none() { Ok(()) } else { Err(PromptError::Type) }
}

/// The whole body in one piece; a body that comes in one frame is not copied.
async fn collect<B>(mut body: B, bytes_max: usize) -> Result<Bytes, PromptError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let too_large = PromptError::TooLarge { bytes_max };
    let announced = body.size_hint();
    if announced.lower() > bytes_max as u64 {
        return Err(too_large);
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| PromptError::Incomplete)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(too_large);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            let expected = usize::try_from(announced.lower()).unwrap_or(0);
            rest.reserve(expected.max(first.len() + data.len()));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
