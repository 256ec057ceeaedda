// SPDX-License-Identifier: GPL-2.0

//! Serves metrics by HTTP: one page, to any number of clients none of whom waits for another. Counters are read when somebody
//! asks for them, and no more often than wanted.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::monitor::{wall, Monitor};
use crate::prometheus;
use crate::signals::{wait, Signals};
use crate::Result;

/// As many clients as there may be at once. One more takes the place of the one that has been there longest.
const CLIENTS: usize = 64;
/// As long as a client has, for everything.
const PATIENCE: Duration = Duration::from_secs(20);
/// As long as a request may be.
const LONGEST: usize = 8 << 10;

/// While nothing else happens.
const TICK: Duration = Duration::from_secs(1);

pub fn serve(monitor: &mut Monitor, address: &str) -> Result {
    let listener = TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| {
            format!(
                "{address} cannot be served at ({error}): name another address, as 127.0.0.1:9586"
            )
        })?;
    let signals = Signals::catch()?;
    let mut clients = Clients::default();
    let mut page: Option<Arc<[u8]>> = None;
    loop {
        let own = [
            (signals.as_fd(), PollFlags::POLLIN),
            (listener.as_fd(), PollFlags::POLLIN),
        ];
        let ears = monitor.ears().map(|fd| (fd, PollFlags::POLLIN));
        wait(
            own.into_iter().chain(ears).chain(clients.waited_for()),
            TICK,
        );
        if signals.came() {
            return Ok(());
        }
        if !monitor.hear().is_empty() {
            page = None;
        }
        clients.accept(&listener);
        clients.serve(Instant::now(), || {
            if monitor.due_in().is_zero() {
                if let Err(why) = monitor.read() {
                    return answer("503 Service Unavailable", "", why.as_bytes());
                }
                page = None;
            }
            let made = || {
                let text = prometheus::page(&monitor.world, wall());
                answer("200 OK", "", text.as_bytes())
            };
            page.get_or_insert_with(made).clone()
        });
    }
}

/// What a client is sent.
fn answer(status: &str, more: &str, body: &[u8]) -> Arc<[u8]> {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

/// What is to be answered to what has come so far; [`None`] if more is to come.
fn answer_to(request: &[u8], page: impl FnOnce() -> Arc<[u8]>) -> Option<Arc<[u8]>> {
    let end = |end: &[u8]| request.windows(end.len()).any(|window| window == end);
    if !end(b"\r\n\r\n") && !end(b"\n\n") {
        return (request.len() >= LONGEST)
            .then(|| answer("431 Request Header Fields Too Large", "", b"too long\n"));
    }
    let line = request.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let words: Vec<&[u8]> = line
        .unwrap_or_default()
        .split(|byte| *byte == b' ')
        .collect();
    Some(match words[..] {
        [method, path, version] if version.starts_with(b"HTTP/1.") => {
            let path = path.split(|byte| *byte == b'?').next();
            match (method, path) {
                (b"GET", Some(b"/metrics")) => page(),
                (b"GET", _) => answer("404 Not Found", "", b"metrics are at /metrics\n"),
                _ => answer("405 Method Not Allowed", "Allow: GET\r\n", b"only GET\n"),
            }
        }
        _ => answer("400 Bad Request", "", b"this is no request\n"),
    })
}

struct Client {
    stream: TcpStream,
    since: Instant,
    request: Vec<u8>,
    /// And how much of it is sent.
    answer: Option<(Arc<[u8]>, usize)>,
}

/// The one that has been there longest is the first.
#[derive(Default)]
struct Clients(Vec<Client>);

impl Clients {
    fn waited_for(&self) -> impl Iterator<Item = (std::os::fd::BorrowedFd<'_>, PollFlags)> {
        self.0.iter().map(|client| {
            let flags = match client.answer {
                None => PollFlags::POLLIN,
                Some(_) => PollFlags::POLLOUT,
            };
            (client.stream.as_fd(), flags)
        })
    }

    fn accept(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    if stream.set_nonblocking(true).is_err() {
                        continue;
                    }
                    if self.0.len() == CLIENTS {
                        self.0.remove(0);
                    }
                    self.0.push(Client {
                        stream,
                        since: Instant::now(),
                        request: Vec::new(),
                        answer: None,
                    });
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    // There are too many files. Somebody has to go, and if that does not help, the listener would be waited for
                    // in vain.
                    _ => {
                        if self.0.is_empty() {
                            std::thread::sleep(Duration::from_millis(100));
                            return;
                        }
                        self.0.remove(0);
                    }
                },
            }
        }
    }

    /// Reads what has come and sends what there is room for; forgets those that are through.
    fn serve(&mut self, now: Instant, mut page: impl FnMut() -> Arc<[u8]>) {
        self.0.retain_mut(|client| {
            now.saturating_duration_since(client.since) < PATIENCE
                && client.step(&mut page).unwrap_or(false)
        });
    }
}

impl Client {
    /// Goes on as far as possible. Returns whether there will be more to do.
    fn step(&mut self, page: impl FnOnce() -> Arc<[u8]>) -> io::Result<bool> {
        // Who has said all may have closed this direction.
        let mut may_say_more = true;
        if self.answer.is_none() {
            let mut buffer = [0; 1024];
            while self.request.len() < LONGEST && may_say_more {
                match self.stream.read(&mut buffer) {
                    Ok(0) => may_say_more = false,
                    Ok(len) => self.request.extend(buffer.iter().take(len)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.answer = answer_to(&self.request, page).map(|answer| (answer, 0));
        }
        let Some((answer, sent)) = &mut self.answer else {
            return Ok(may_say_more);
        };
        while let Some(rest) = answer.get(*sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Ok(false),
                Ok(len) => *sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &str) -> Option<String> {
        let answer = answer_to(request.as_bytes(), || answer("200 OK", "", b"page\n"))?;
        let text = String::from_utf8(answer.to_vec()).unwrap();
        Some(text.lines().next().unwrap()["HTTP/1.1 ".len()..].into())
    }

    #[test]
    fn only_metrics_are_served() {
        for (request, wanted) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", Some("200 OK")),
            ("GET /metrics?x=y HTTP/1.0\n\n", Some("200 OK")),
            ("GET / HTTP/1.1\r\n\r\n", Some("404 Not Found")),
            ("GET /metrics/../x HTTP/1.1\r\n\r\n", Some("404 Not Found")),
            (
                "POST /metrics HTTP/1.1\r\n\r\n",
                Some("405 Method Not Allowed"),
            ),
            ("GET /metrics\r\n\r\n", Some("400 Bad Request")),
            ("\0\u{1}\r\n\r\n", Some("400 Bad Request")),
            ("\r\n\r\n", Some("400 Bad Request")),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(request).as_deref(), wanted, "{request:?}");
        }
        let long = "x".repeat(LONGEST);
        assert_eq!(status(&long[1..]), None);
        assert!(status(&long).unwrap().starts_with("431 "));
    }

    fn pair() -> (TcpListener, Clients) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        (listener, Clients::default())
    }

    fn connect(listener: &TcpListener) -> TcpStream {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    }

    /// Turns the loop until a client has all.
    fn turn(listener: &TcpListener, clients: &mut Clients, body: &[u8], until: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !until() && Instant::now() < end {
            wait(
                [(listener.as_fd(), PollFlags::POLLIN)]
                    .into_iter()
                    .chain(clients.waited_for()),
                Duration::from_millis(1),
            );
            clients.accept(listener);
            clients.serve(Instant::now(), || answer("200 OK", "", body));
        }
    }

    #[test]
    fn a_slow_client_keeps_nobody_waiting() {
        let (listener, mut clients) = pair();
        // Longer than what is on its way.
        let body = vec![b'x'; 20 << 20];
        // One says half a request and one does not read, each more than once.
        let mut others: Vec<_> = (0..4).map(|_| connect(&listener)).collect();
        for (other, number) in others.iter_mut().zip(0..) {
            let said: &[u8] = if number % 2 == 0 {
                b"GET /met"
            } else {
                b"GET /metrics HTTP/1.1\r\n\r\n"
            };
            other.write_all(said).unwrap();
        }
        let mut quick = connect(&listener);
        let reader = std::thread::spawn(move || {
            quick.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
            let mut all = Vec::new();
            quick.read_to_end(&mut all).unwrap();
            all.len()
        });
        turn(&listener, &mut clients, &body, || reader.is_finished());
        assert!(reader.join().unwrap() > body.len());
        // Of the others, two are waited for to say something and two to read.
        let flags: Vec<_> = clients.waited_for().map(|(_, flags)| flags).collect();
        assert_eq!(flags, [PollFlags::POLLIN, PollFlags::POLLOUT].repeat(2));
        // They are forgotten in the end.
        clients.serve(Instant::now() + PATIENCE, || unreachable!());
        assert!(clients.0.is_empty());
    }

    #[test]
    fn who_closes_its_direction_is_answered() {
        for (said, wanted) in [("GET /metrics HTTP/1.1\r\n\r\n", true), ("GET /met", false)] {
            let (listener, mut clients) = pair();
            let mut client = connect(&listener);
            client.write_all(said.as_bytes()).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let reader = std::thread::spawn(move || {
                let mut said = String::new();
                client.read_to_string(&mut said).unwrap();
                said.ends_with("page\n")
            });
            turn(&listener, &mut clients, b"page\n", || reader.is_finished());
            assert_eq!(reader.join().unwrap(), wanted, "{said}");
        }
    }

    #[test]
    fn one_too_many_takes_the_place_of_the_first() {
        let (listener, mut clients) = pair();
        let mut idle: Vec<_> = (0..CLIENTS).map(|_| connect(&listener)).collect();
        clients.accept(&listener);
        assert_eq!(clients.0.len(), CLIENTS);
        let mut late = connect(&listener);
        late.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            late.read_to_string(&mut said).map(|_| said)
        });
        turn(&listener, &mut clients, b"page\n", || reader.is_finished());
        assert!(reader.join().unwrap().unwrap().ends_with("page\n"));
        // The first was closed.
        let closed = idle[0].read(&mut [0]).map(|len| len == 0).unwrap_or(true);
        assert!(closed);
        assert!(clients.0.len() < CLIENTS);
    }
}
