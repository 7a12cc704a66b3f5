//! `wardgate dev` keeps its word: every command on its page does what it says, and nothing outlives it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A demo under way, and its page.
struct Demo {
    child: Child,
    page: String,
    temporary: tempfile::TempDir,
    /// Kept open: a page that nobody could have read to its end is an error.
    _stdout: BufReader<ChildStdout>,
}

impl Demo {
    fn start(options: &[&str], environment: &[(&str, &str)]) -> Demo {
        let temporary = tempfile::tempdir().expect("a temporary directory can be made");
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardgate"));
        command.args(["dev", "--listen", "127.0.0.1:0"]).args(options);
        command.env_remove("OPENAI_API_KEY").env_remove("ANTHROPIC_API_KEY").env_remove("WARDGATE_CONFIG");
        command.env("TMPDIR", temporary.path()).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the demo starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut page = String::new();
        while !page.contains(LAST_LINE) {
            assert_ne!(stdout.read_line(&mut page).expect("the page is text"), 0, "the page breaks off: {page}");
        }
        Demo { child, page, temporary, _stdout: stdout }
    }

    /// The commands of the page with their titles, by their numbers.
    fn samples(&self) -> Vec<(String, String)> {
        let mut samples: Vec<(String, String)> = Vec::new();
        for line in self.page.lines() {
            let numbered = line
                .trim_start()
                .split_once(' ')
                .filter(|(number, _)| number.parse() == Ok(samples.len() + 1) && !line.starts_with("   "));
            if let Some((_, title)) = numbered {
                samples.push((title.to_owned(), String::new()));
            } else if let (true, Some((_, command))) = (line.starts_with("   "), samples.last_mut()) {
                command.push_str(line);
                command.push('\n');
            }
        }
        samples
    }

    /// The processes that the page names.
    fn pids(&self) -> Vec<u32> {
        let after = |line: &str| line.split_once(" pid ")?.1.split(',').next()?.parse().ok();
        self.page.lines().filter_map(after).collect()
    }

    fn signal(&self, name: &str) {
        assert!(bash(&format!("kill -{name} {}", self.child.id())).status.success());
    }
}

/// Whatever a test came to, no demo outlives it; its mocks end with it.
impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LAST_LINE: &str = "Ctrl-C ends everything";

fn bash(command: &str) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", command]).env("NO_PROXY", "*").stdin(Stdio::null());
    bash.output().expect("bash runs")
}

fn pasted(command: &str) -> String {
    let output = bash(command);
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_alive(pid: u32) -> bool {
    bash(&format!("kill -0 {pid}")).status.success()
}

/// Waits for something that another process is about to do.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_pasted_line_does_what_it_says_and_ctrl_c_ends_everything() {
    let mut demo = Demo::start(&[], &[]);
    let samples = demo.samples();
    let [plain, stream, python, anthropic, injection, wrong, token, globex, told, kill] = samples.as_slice() else {
        panic!("the page has other samples than expected: {samples:#?}");
    };
    assert_ok(&pasted(&plain.1), "primary");
    let events = pasted(&stream.1);
    assert!(events.matches("data: {").count() > 3 && events.contains("data: [DONE]"), "{events}");
    if bash("python3 -c 'import openai'").status.success() {
        assert_eq!(pasted(&python.1).trim(), "Hello from primary. You said: Hello");
    }
    let message = pasted(&anthropic.1);
    assert_ok(&message, "primary");
    assert!(message.contains(r#""type":"message""#), "{message}");
    let blocked = pasted(&injection.1);
    assert!(blocked.starts_with("HTTP/1.1 400 ") && blocked.contains("prompt_injection_detected"), "{blocked}");
    assert!(!blocked.contains("x-wardgate-upstream"), "{blocked}");
    let refused = pasted(&wrong.1);
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("invalid_api_key"), "{refused}");
    assert_ok(&pasted(&token.1), "primary");
    assert_ok(&pasted(&globex.1), "primary");
    let told = pasted(&told.1);
    assert!(told.contains(r#""x-tenant-slug","globex""#) && !told.contains("wgk_"), "{told}");
    assert_eq!(demo.pids().len(), 2);
    pasted(&kill.1);
    eventually("the killed primary is still there", || !is_alive(demo.pids()[0]));
    assert_ok(&pasted(&plain.1), "secondary");

    demo.signal("INT");
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    assert!(demo.pids().into_iter().all(|pid| !is_alive(pid)));
    assert_eq!(std::fs::read_dir(demo.temporary.path()).unwrap().count(), 0);
}

fn assert_ok(answer: &str, upstream: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("x-wardgate-upstream: {upstream}")), "{answer}");
    assert!(answer.contains(&format!("Hello from {upstream}. You said: Hello")), "{answer}");
}

#[test]
fn mocks_die_with_a_demo_that_is_killed() {
    let demo = Demo::start(&[], &[]);
    assert!(demo.pids().into_iter().all(is_alive));
    demo.signal("KILL");
    eventually("a mock outlives its parent", || demo.pids().into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn named_store_is_used_again_and_only_its_newest_keys_work() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dev.db");
    let options = ["--store", file.to_str().unwrap()];
    let key_of = |demo: &Demo| demo.page.split_whitespace().find(|word| word.starts_with("wgk_")).unwrap().to_owned();
    let first = key_of(&Demo::start(&options, &[]));
    let second = Demo::start(&options, &[]);
    let request = &second.samples()[0].1;
    assert_ok(&pasted(request), "primary");
    let refused = pasted(&request.replace(&key_of(&second), &first));
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
}

#[test]
fn real_providers_are_named_where_their_keys_are_set_and_mocks_take_the_rest() {
    let demo = Demo::start(&[], &[("OPENAI_API_KEY", "sk-canary")]);
    assert!(demo.page.contains("https://api.openai.com") && !demo.page.contains("https://api.anthropic.com"));
    assert!(demo.page.contains("a mock of Anthropic") && !demo.page.contains("sk-canary"), "{}", demo.page);
    assert_ok(&pasted(&demo.samples()[3].1), "primary");
    let forced = Demo::start(&["--mock"], &[("OPENAI_API_KEY", "sk-canary")]);
    assert!(!forced.page.contains("https://api.openai.com"), "{}", forced.page);
    assert_ok(&pasted(&forced.samples()[0].1), "primary");
}

#[test]
fn taken_address_is_refused_where_it_was_asked_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_wardgate")).args(["dev", "--listen", &address]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(&address) && said.contains("--listen"), "{said}");
    assert!(output.stdout.is_empty());
}
