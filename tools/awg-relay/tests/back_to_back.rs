// SPDX-License-Identifier: GPL-2.0

//! Two relays back to back, as programs with sockets. The test is both of the ends beside them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use awg_relay::macs::Receiver;
use base64::{engine::general_purpose::STANDARD, Engine};
use rand::Rng;

const PROGRAM: &str = env!("CARGO_BIN_EXE_awg-relay");
const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

const FORMATS: [&str; 4] = [
    "Jc = 3\nJmin = 10\nJmax = 50\nS1 = 15\nS2 = 30\nH1 = 10\nH2 = 20\nH3 = 30\nH4 = 40",
    "Jc = 2\nJmin = 10\nJmax = 50\nS1 = 42\nS2 = 108\nS3 = 13\nS4 = 12\nH1 = 100-200\nH2 = 300-400\nH3 = 500-600\n\
     H4 = 3000000000-4000000000\nI1 = <b 0xc000000001><r 1195>\nI2 = <t><c><rc 5><rd 6>",
    "S1 = 20\nS2 = 20\nS3 = 20\nS4 = 20\nHeaderProtectionKey = AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=",
    "S1 = 42\nS2 = 108\nS3 = 13\nS4 = 12\nHeaderProtectionKey = AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=\n\
     RandomTrailers = on\nDisableCookies = on\nJc = 5\nJmin = 10\nJmax = 50",
];

/// A relay and the end beside it.
struct End {
    relay: Child,
    said: BufReader<ChildStdout>,
    socket: UdpSocket,
    inside: SocketAddr,
    outside: SocketAddr,
}

impl End {
    fn new(name: &str, number: usize, format: &str, endpoint: Option<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let [own, other] = [KEYS[number], KEYS[1 - number]].map(|key| STANDARD.encode(key));
        let device = socket.local_addr().unwrap();
        let endpoint = endpoint.map_or(String::new(), |endpoint| format!("Endpoint = {endpoint}"));
        let file = file(
            &format!("{name}-{number}"),
            &format!(
                "[Interface]\nPublicKey = {own}\nDevice = {device}\nInside = 127.0.0.1:0\nListen = 127.0.0.1:0\n{format}\n\
                 [Peer]\nPublicKey = {other}\n{endpoint}\n"
            ),
        );
        let mut relay = Command::new(PROGRAM)
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(relay.stdout.take().unwrap());
        let listens = line(&mut said);
        let (inside, outside) = listens.split_once(", ").unwrap();
        let address = |text: &str| text.rsplit_once(' ').unwrap().1.parse().unwrap();
        let (inside, outside) = (address(inside), address(outside));
        Self {
            relay,
            said,
            socket,
            inside,
            outside,
        }
    }

    fn says(&mut self) -> String {
        line(&mut self.said)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.relay.kill().unwrap();
        self.relay.wait().unwrap();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim_end().into()
}

fn file(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
    fs::write(&file, text).unwrap();
    file
}

fn message(kind: u8, length: usize) -> Vec<u8> {
    let mut message = vec![0; length];
    rand::rng().fill_bytes(&mut message);
    message[..4].copy_from_slice(&[kind, 0, 0, 0]);
    // All indexes are one.
    message[4..12].copy_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]);
    message
}

fn handshake_message(kind: u8, length: usize, to: usize) -> Vec<u8> {
    let mut message = message(kind, length);
    Receiver::new(&KEYS[to]).retype(&mut message, kind.into());
    message
}

fn crosses(from: &End, to: &End, message: &[u8]) {
    from.socket.send_to(message, from.inside).unwrap();
    let mut buffer = [0; 2000];
    let (length, sender) = to.socket.recv_from(&mut buffer).unwrap();
    assert!(
        buffer[..length] == *message,
        "{length} bytes arrived of {}",
        message.len()
    );
    assert_eq!(sender, to.inside);
}

#[test]
fn messages_cross_in_each_format() {
    for (version, format) in FORMATS.into_iter().enumerate() {
        let name = format!("format-{version}");
        let mut far = End::new(&name, 1, format, None);
        let mut near = End::new(&name, 0, format, Some(far.outside));
        crosses(&near, &far, &handshake_message(1, 148, 1));
        crosses(&far, &near, &handshake_message(2, 92, 0));
        for length in (32..1452).step_by(71) {
            crosses(&near, &far, &message(4, length));
            crosses(&far, &near, &message(4, length));
        }
        assert_eq!(
            [near.says(), near.says()],
            ["sent initiation", "received response"]
        );
        let mut said = far.says();
        while said.starts_with("ignored ") {
            said = far.says();
        }
        assert_eq!([said, far.says()], ["received initiation", "sent response"]);
    }
}

#[test]
fn ends_of_different_formats_do_not_understand_each_other() {
    let mut far = End::new("different", 1, FORMATS[1], None);
    let near = End::new("different", 0, FORMATS[2], Some(far.outside));
    let initiation = handshake_message(1, 148, 1);
    near.socket.send_to(&initiation, near.inside).unwrap();
    assert_eq!(far.says(), "ignored 168 bytes");
}

#[test]
fn errors_are_one_line() {
    let said = |arguments: &[PathBuf]| {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        said(&[]),
        "awg-relay: usage: awg-relay CONFIG, which is a file of settings\n"
    );
    let missing = said(&["/nowhere".into()]);
    assert!(
        missing.starts_with("awg-relay: cannot read /nowhere: ")
            && missing.ends_with(": name another\n"),
        "{missing}"
    );
    let wrong = file("wrong", "[Interface]\nJc\n");
    let expected = format!(
        "awg-relay: {}: line 2: \"Jc\" sets nothing: write KEY = VALUE\n",
        wrong.display()
    );
    assert_eq!(said(&[wrong]), expected);
    let key = STANDARD.encode(KEYS[0]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap();
    let occupied = file(
        "occupied",
        &format!(
            "[Interface]\nPublicKey={key}\nDevice=127.0.0.1:1\nInside={taken}\nListen=127.0.0.1:0\n[Peer]\nPublicKey={key}\n"
        ),
    );
    let error = said(&[occupied]);
    assert!(
        error.contains(&format!("cannot listen at Inside = {taken}: ")),
        "{error}"
    );
}
