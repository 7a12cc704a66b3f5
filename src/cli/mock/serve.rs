//! One request, from its head to the head of its answer: route, faults, key, answer.

use std::{borrow::Cow, convert::Infallible, future::pending, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    request::Parts,
};
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;

use super::{
    answer::{Answer, Voice},
    anthropic,
    ask::Malformed,
    body::{AnswerBody, Delivery, Pace},
    control,
    faults::{Faults, Head, Silence, draw},
    provider::{Shared, Standing},
    recording::Exchange,
    route::Route,
    wire::Connection,
};

/// Carries the faults of one request as JSON, instead of those that stand for all.
const FAULTS_HEADER: &str = "x-mock-faults";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// Answers one request. Recording and faults begin once its body was read in full.
pub(super) async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(Collected::to_bytes) else {
        // The peer gave up while it was still asking, so this is for nobody.
        let body = AnswerBody::whole(Bytes::new(), Exchange::unrecorded(connection));
        return Ok(response(StatusCode::BAD_REQUEST, JSON, body));
    };
    if head.uri.path().starts_with(control::PREFIX) {
        let exchange = Exchange::unrecorded(connection);
        return Ok(control::answer(&shared, &head, &body, exchange));
    }
    let exchange = shared.journal.open(&head, &body, connection);
    Ok(Call::new(&shared, &head, &body).answer(exchange).await)
}

/// A response with nothing but its type.
pub(super) fn response(status: StatusCode, content_type: HeaderValue, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// One request and what is needed to answer it.
struct Call<'a> {
    shared: &'a Shared,
    head: &'a Parts,
    body: &'a [u8],
    route: Route,
    voice: Voice<'a>,
    request_id: String,
}

impl<'a> Call<'a> {
    fn new(shared: &'a Shared, head: &'a Parts, body: &'a [u8]) -> Self {
        let voice = shared.voice();
        Self { shared, head, body, route: Route::of(head), voice, request_id: voice.id("req_") }
    }

    async fn answer(&self, exchange: Exchange) -> Response<AnswerBody> {
        let standing = self.shared.standing();
        let faults = match self.faults(&standing) {
            Ok(faults) => faults,
            Err(message) => return self.refuse(StatusCode::BAD_REQUEST, &message, exchange),
        };
        let plan = faults.plan(draw(self.voice.number));
        if !plan.latency.is_zero() {
            tokio::time::sleep(plan.latency).await;
        }
        // A dead machine checks no key, so silence stands before the key; a living one checks it before anything else.
        if let Some(silence) = plan.silence {
            return keep_silent(silence, exchange).await;
        }
        let pace = Pace { delay: plan.chunk_delay, gate: faults.hold.then(|| Arc::clone(&standing.gate)) };
        let tail = plan.tail;
        let mut response = match self.has_key() {
            true => self.begin(plan.head, Delivery { tail, pace }, exchange),
            false => self.refuse(StatusCode::UNAUTHORIZED, WRONG_KEY, exchange),
        };
        self.echo(&faults.echo_headers, response.headers_mut());
        response
    }

    fn begin(&self, head: Head, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        match head {
            Head::Redirect(location) => self.redirect(&location, exchange),
            Head::Refuse { status, retry_after } => self.fail(status, retry_after, exchange),
            Head::AnswerWithError => self.speak(Some(self.error_event()), delivery, exchange),
            Head::Answer => self.speak(None, delivery, exchange),
        }
    }

    /// The faults of this request: its own when it brings some and may, those that stand otherwise.
    fn faults<'s>(&self, standing: &'s Standing) -> Result<Cow<'s, Faults>, String> {
        if !self.shared.header_faults {
            return Ok(Cow::Borrowed(&standing.faults));
        }
        let Some(json) = self.head.headers.get(FAULTS_HEADER) else {
            return Ok(Cow::Borrowed(&standing.faults));
        };
        let faults = Faults::parse(json.as_bytes());
        faults.map(Cow::Owned).map_err(|error| format!("{FAULTS_HEADER}: {error}"))
    }

    fn has_key(&self) -> bool {
        let Some(key) = &self.shared.required_key else {
            return true;
        };
        let header = |name: &str| self.head.headers.get(name)?.to_str().ok();
        header("x-api-key") == Some(key)
            || header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")) == Some(key)
    }

    /// Answers as the dialect does, or with 400 or 404. A stream becomes `instead` alone when there is one.
    fn speak(&self, instead: Option<Bytes>, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        let answer = match &self.route {
            Route::OpenAi(endpoint) => endpoint.answer(&self.voice, self.body),
            Route::Anthropic(endpoint) => endpoint.answer(&self.voice, self.body),
            Route::Unknown(_) => return self.not_found(exchange),
        };
        match answer {
            Ok(Answer::Whole(bytes)) => self.whole(bytes, delivery, exchange),
            Ok(Answer::Events(events)) => {
                let events = instead.map_or(events, |event| vec![event]);
                self.stream(events, delivery, exchange)
            }
            Err(malformed) => self.malformed(&malformed, exchange),
        }
    }

    fn whole(&self, bytes: Bytes, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        if !delivery.tail.touches_whole() {
            return self.reply(StatusCode::OK, JSON, AnswerBody::whole(bytes, exchange));
        }
        let length = HeaderValue::from(bytes.len());
        let body = AnswerBody::played(vec![bytes], delivery, exchange);
        let mut response = self.reply(StatusCode::OK, JSON, body);
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    }

    fn stream(&self, events: Vec<Bytes>, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        let body = AnswerBody::played(events, delivery, exchange);
        let mut response = self.reply(StatusCode::OK, EVENT_STREAM, body);
        let no_cache = HeaderValue::from_static("no-cache");
        response.headers_mut().insert(CACHE_CONTROL, no_cache);
        response
    }

    fn error_event(&self) -> Bytes {
        match &self.route {
            Route::OpenAi(endpoint) => endpoint.error_event(),
            Route::Anthropic(_) | Route::Unknown(_) => anthropic::error_event(),
        }
    }

    fn redirect(&self, location: &str, exchange: Exchange) -> Response<AnswerBody> {
        let Ok(location) = HeaderValue::from_str(location) else {
            let message = "the redirect fault has no valid location";
            return self.refuse(StatusCode::INTERNAL_SERVER_ERROR, message, exchange);
        };
        let body = AnswerBody::whole(Bytes::new(), exchange);
        let mut response = self.reply(StatusCode::FOUND, JSON, body);
        response.headers_mut().insert(LOCATION, location);
        response
    }

    fn fail(&self, status: StatusCode, retry_after: Option<u64>, exchange: Exchange) -> Response<AnswerBody> {
        let message = format!("{} was told to fail", self.voice.name);
        let mut response = self.refuse(status, &message, exchange);
        if let Some(seconds) = retry_after {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    fn not_found(&self, exchange: Exchange) -> Response<AnswerBody> {
        let message = format!("Not found: {} {}", self.head.method, self.head.uri.path());
        self.refuse(StatusCode::NOT_FOUND, &message, exchange)
    }

    fn malformed(&self, malformed: &Malformed, exchange: Exchange) -> Response<AnswerBody> {
        let dialect = self.route.dialect();
        let bytes = dialect.malformed(malformed, &self.request_id);
        let body = AnswerBody::whole(bytes, exchange);
        self.reply(StatusCode::BAD_REQUEST, JSON, body)
    }

    fn refuse(&self, status: StatusCode, message: &str, exchange: Exchange) -> Response<AnswerBody> {
        let dialect = self.route.dialect();
        let bytes = dialect.error(status, message, &self.request_id);
        self.reply(status, JSON, AnswerBody::whole(bytes, exchange))
    }

    /// A response that carries its request's id, as all of a provider's do.
    fn reply(&self, status: StatusCode, content_type: HeaderValue, body: AnswerBody) -> Response<AnswerBody> {
        let mut response = response(status, content_type, body);
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            let name = self.route.dialect().request_id_header();
            response.headers_mut().insert(name, id);
        }
        response
    }

    /// Shows which request headers arrived, for tests of what a proxy strips and replaces.
    fn echo(&self, names: &[String], headers: &mut HeaderMap) {
        for name in names {
            let Ok(echo) = HeaderName::try_from(format!("x-echo-{name}")) else {
                continue;
            };
            for value in self.head.headers.get_all(name) {
                headers.append(echo.clone(), value.clone());
            }
        }
    }
}

/// Never answers; the exchange ends when the connection does.
async fn keep_silent(silence: Silence, exchange: Exchange) -> Response<AnswerBody> {
    match silence {
        Silence::Reset => exchange.connection().reset(),
        Silence::Hang => {}
    }
    pending().await
}

const WRONG_KEY: &str = "Incorrect API key provided.";
