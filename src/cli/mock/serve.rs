//! One request, from its head to the head of its answer: route, faults, key, answer.

use std::{convert::Infallible, future::pending, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    request::Parts,
};
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::{
    answer::{Answer, Dialect, Voice},
    anthropic,
    ask::Malformed,
    body::{AnswerBody, Delivery, Pace},
    control,
    faults::{ErrorEvent, Faults, Head, Plan, Refusal, Silence},
    provider::Shared,
    recording::Exchange,
    route::Route,
    schedule::{Dice, Moment},
    wire::Connection,
};

/// Carries the faults of one request as JSON, instead of those that stand for all.
const FAULTS_HEADER: &str = "x-mock-faults";

/// Without it, Anthropic refuses.
const VERSION_HEADER: &str = "anthropic-version";

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

    async fn answer(mut self, exchange: Exchange) -> Response<AnswerBody> {
        let standing = self.shared.standing();
        let dice = Dice::of(self.voice.number);
        let own = self.own_faults();
        let (told, mut moment) = match &own {
            None => (&standing.faults, standing.moment(dice)),
            Some(Ok(faults)) => (faults, Moment::only(dice)),
            Some(Err(message)) => return self.refuse(StatusCode::BAD_REQUEST, message, exchange),
        };
        let faults = told.at(&mut moment);
        let plan = faults.plan(moment.dice.roll());
        self.voice.cached_tokens = faults.cached_tokens;
        if !plan.latency.is_zero() {
            tokio::time::sleep(plan.latency).await;
        }
        // A dead machine checks no key, so silence stands before the key; a living one checks it before anything else.
        if let Some(silence) = plan.silence {
            return keep_silent(silence, exchange).await;
        }
        let closes = faults.close_after.is_some_and(|answers| exchange.connection().count() >= answers);
        if closes {
            // HTTP/2 says so with GOAWAY; HTTP/1 with a header, below.
            exchange.connection().close();
        }
        let gate = faults.hold.then(|| Arc::clone(&standing.gate));
        let mut response = match self.has_key() {
            true => self.begin(plan, faults, gate, exchange),
            false => self.refuse(StatusCode::UNAUTHORIZED, WRONG_KEY, exchange),
        };
        if closes && self.head.version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.echo(&faults.echo_headers, response.headers_mut());
        response
    }

    fn begin(
        &self,
        plan: Plan,
        faults: &Faults,
        gate: Option<Arc<Semaphore>>,
        exchange: Exchange,
    ) -> Response<AnswerBody> {
        let pace = Pace { start: plan.body_delay, delay: plan.chunk_delay, drip: plan.drip, gate };
        let error = plan.error_after.map(|events| (events, self.error_event(&faults.error_event, events)));
        match plan.head {
            Head::Redirect(location) => self.redirect(&location, exchange),
            Head::Refuse(refusal) => self.fail(&refusal, exchange),
            Head::TooLong => self.too_long(exchange),
            Head::Answer => self.speak(error, Delivery { tail: plan.tail, pace }, exchange),
        }
    }

    /// The faults that the request itself brings, where it may.
    fn own_faults(&self) -> Option<Result<Faults, String>> {
        let json = self.head.headers.get(FAULTS_HEADER).filter(|_| self.shared.header_faults)?;
        let faults = Faults::parse(json.as_bytes());
        Some(faults.map_err(|error| format!("{FAULTS_HEADER}: {error}")))
    }

    /// Anthropic takes its key in either header, OpenAI as bearer token alone.
    fn has_key(&self) -> bool {
        let Some(key) = &self.shared.required_key else {
            return true;
        };
        let header = |name: &str| self.head.headers.get(name)?.to_str().ok();
        let bearer = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        match self.route.dialect() {
            Dialect::OpenAi => bearer == Some(key),
            Dialect::Anthropic => bearer == Some(key) || header("x-api-key") == Some(key),
        }
    }

    /// Answers as the dialect does, or with 400 or 404. A stream ends in the event of an `error` where there is one, after
    /// so many others.
    fn speak(&self, error: Option<(usize, Bytes)>, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        let answer = match &self.route {
            Route::OpenAi(endpoint) => endpoint.answer(&self.voice, self.body),
            Route::Anthropic(_) if !self.head.headers.contains_key(VERSION_HEADER) => {
                let message = format!("{VERSION_HEADER}: header is required");
                return self.refuse(StatusCode::BAD_REQUEST, &message, exchange);
            }
            Route::Anthropic(endpoint) => endpoint.answer(&self.voice, self.body),
            Route::Unknown(_) => return self.not_found(exchange),
        };
        match answer {
            Ok(Answer::Whole(bytes)) => self.whole(bytes, delivery, exchange),
            Ok(Answer::Events(mut events)) => {
                if let Some((kept, event)) = error {
                    events.truncate(kept);
                    events.push(event);
                }
                self.stream(events, delivery, exchange)
            }
            Err(malformed) => self.malformed(&malformed, exchange),
        }
    }

    fn whole(&self, bytes: Bytes, delivery: Delivery, exchange: Exchange) -> Response<AnswerBody> {
        if !delivery.touches_whole() {
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

    fn error_event(&self, told: &ErrorEvent, events: usize) -> Bytes {
        match &self.route {
            Route::OpenAi(endpoint) => endpoint.error_event(told, events),
            Route::Anthropic(_) | Route::Unknown(_) => anthropic::error_event(told),
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

    fn fail(&self, refusal: &Refusal, exchange: Exchange) -> Response<AnswerBody> {
        let message = format!("{} was told to fail", self.voice.name);
        let bytes = self.route.dialect().error(refusal.status, &message, refusal.code.as_deref(), &self.request_id);
        let mut response = self.reply(refusal.status, JSON, AnswerBody::whole(bytes, exchange));
        if let Some(seconds) = refusal.retry_after {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    fn too_long(&self, exchange: Exchange) -> Response<AnswerBody> {
        let bytes = self.route.context_window(&self.request_id);
        self.reply(StatusCode::BAD_REQUEST, JSON, AnswerBody::whole(bytes, exchange))
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
        let bytes = dialect.error(status, message, None, &self.request_id);
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
